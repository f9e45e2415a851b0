import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { describeFailure } from '../../src/connections/refresh/failures.ts';
import { pauseSecondsAfter } from '../../src/connections/refresh-times.ts';
import { startServer } from '../support/server.ts';
import { addGoogle, connectGoogle } from '../support/upstream/connected.ts';
import { startGoogle } from '../support/upstream/google.ts';

const EXPIRED = { life: -1000 };

async function open(t: TestContext, options = EXPIRED) {
  const server = await startServer(t, 'sqlite', { config: { allowPrivateServices: true } });
  const google = await startGoogle(t);
  await addGoogle(server.services, google);
  const account = await server.createAccount('ada');
  const { connections } = server.services;
  const id = await connectGoogle(connections, google, account, options);
  const { knex } = server.database;
  const errorOf = () =>
    connections.refresh.getFresh(id).then(
      () => undefined,
      (error) => error.code,
    );
  const findConnection = () => connections.vault.find(account.id, id);
  const lastAttempt = () => knex('T_token_refresh_log').orderBy('id', 'desc').first();
  return { server, google, knex, id, errorOf, findConnection, lastAttempt, ...connections };
}

describe('a refresh that fails', () => {
  for (const [why, body, code] of [
    [
      'the person has withdrawn it',
      { error: 'invalid_grant', error_description: 'Token has been revoked.' },
      'revoked',
    ],
    [
      'the service asks for a new sign-in',
      { error: 'invalid_grant', error_description: 'reauth related error', error_subtype: 'invalid_rapt' },
      'reauthentication_required',
    ],
    [
      'an administrator there forbids it',
      { error: 'admin_policy_enforced', error_description: 'The account is restricted.' },
      'refused_by_administrator',
    ],
  ] as const)
    test(`because ${why} ends the connection, and mails its owner once`, async (t) => {
      const { server, google, errorOf, findConnection, lastAttempt, refresh } = await open(t);
      google.knobs.tokenFault = { status: 400, body };
      assert.equal(await errorOf(), 'needs_reconnect');
      assert.equal(await errorOf(), 'needs_reconnect');
      assert.equal(await refresh.refreshDue(), 0);
      assert.equal(google.counts.refreshes, 1, 'the service is not asked again');
      const connection = await findConnection();
      assert.deepEqual([connection?.syncStatus, connection?.syncError], ['error', code]);
      const attempt = await lastAttempt();
      assert.deepEqual([Boolean(attempt.success), attempt.error_code], [false, code]);
      await server.settled();
      const mails = server.sink.mails.filter(({ subject }) =>
        /Connect your account at Google again/.test(subject),
      );
      assert.equal(mails.length, 1);
      assert.match(mails[0]?.text ?? '', /\/account\/connections/);
    });

  for (const [what, fault, code] of [
    ['an error', { status: 500, body: { error: 'backend_error' } }, 'service_error'],
    ['too many requests', { status: 429, body: {}, headers: { 'retry-after': '600' } }, 'rate_limited'],
    ['half an answer', 'die', 'no_answer'],
    [
      'that it does not know this server',
      { status: 401, body: { error: 'invalid_client' } },
      'client_refused',
    ],
    ['something else than JSON', { status: 200, body: 'hello' }, 'no_answer'],
  ] as const)
    test(`with ${what} is tried again later, and leaves the connection as it is`, async (t) => {
      const { google, knex, errorOf, findConnection, lastAttempt } = await open(t);
      google.knobs.tokenFault = fault as typeof google.knobs.tokenFault;
      assert.equal(await errorOf(), 'upstream_unreachable');
      assert.equal(await errorOf(), 'upstream_unreachable');
      assert.equal(google.counts.refreshes, 1, 'not at once');
      assert.equal((await lastAttempt()).error_code, code);
      assert.equal((await findConnection())?.syncStatus, 'active');
      const [row] = await knex('T_oauth_tokens').whereNotNull('active_slot');
      const wait = (new Date(`${row.refresh_due_at.replace(' ', 'T')}Z`).getTime() - Date.now()) / 1000;
      assert.ok(code === 'rate_limited' ? wait > 595 : wait > 20 && wait < 40, String(wait));
      assert.equal(row.lease_owner, null);
      google.knobs.tokenFault = undefined;
      await knex('T_oauth_tokens').update({ refresh_due_at: new Date(Date.now() - 1) });
      assert.equal(await errorOf(), undefined);
      assert.equal((await knex('T_oauth_tokens').whereNotNull('active_slot'))[0].failed_refreshes, 0);
    });

  test('leaves a token in use that has not ended', async (t) => {
    const { google, id, refresh } = await open(t, { life: 30_000 });
    google.knobs.tokenFault = { status: 503, body: {} };
    assert.equal((await refresh.getFresh(id)).version, 1);
    assert.equal((await refresh.getFresh(id)).version, 1);
    assert.equal(google.counts.refreshes, 1);
  });

  test('keeps no token in its log, and names no address of the service to anybody', async (t) => {
    const { google, knex, errorOf, vault, id } = await open(t);
    const { accessToken, refreshToken } = (await vault.open(id)) ?? {};
    google.knobs.tokenFault = {
      status: 400,
      body: { error: 'invalid_request', error_description: `you sent ${refreshToken}` },
    };
    await errorOf();
    google.knobs.tokenFault = undefined;
    await knex('T_oauth_tokens').update({ refresh_due_at: new Date(Date.now() - 1) });
    await errorOf();
    const renewed = await vault.open(id);
    const log = JSON.stringify(await knex('T_token_refresh_log'));
    for (const token of [accessToken, refreshToken, renewed?.accessToken])
      assert.ok(token && !log.includes(token));
  });
});

describe('the pause after failed refreshes', () => {
  test('grows to an hour, differs, and is as long as the service asks for', () => {
    assert.ok(pauseSecondsAfter(1) <= 38 && pauseSecondsAfter(1) >= 22);
    assert.ok(pauseSecondsAfter(40) <= 4500 && pauseSecondsAfter(40) >= 2700);
    assert.notEqual(pauseSecondsAfter(3), pauseSecondsAfter(3));
    assert.equal(pauseSecondsAfter(1, 900), 900);
  });

  test('has a bound, whatever the service sends', () => {
    for (const value of ['1e9', '999999', 'Fri, 31 Dec 9999 23:59:59 GMT', '-5', 'soon', '']) {
      const response = new Response(null, { status: 429, headers: { 'retry-after': value } });
      const { retryAfter = 0 } = describeFailure(Object.assign(new Error('x'), { status: 429, response }));
      assert.ok(retryAfter >= 0 && retryAfter <= 86_400, value);
    }
  });
});
