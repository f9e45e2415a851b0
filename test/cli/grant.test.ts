import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { refresh, signInWith } from '../support/builders/authorization.ts';
import { begin, OFFLINE } from '../support/builders/consent.ts';
import { latchkey } from '../support/warm-command.ts';

describe('latchkey grant', () => {
  test('lists the applications that can act for an account, and ends their access', async (t) => {
    const { server, client, ada } = await begin(t);
    const own = await server.createClient({ firstParty: true });
    await server.createAccount('mei');
    await signInWith(server, client, ada, OFFLINE);
    const first = await signInWith(server, own, ada, OFFLINE);
    const command = (...args: string[]) => latchkey(['grant', ...args], { url: server.storage.url });
    const list = async (...args: string[]) => JSON.parse((await command('list', ...args, '--json')).stdout);

    const listed = await list('--account', 'ada');
    assert.deepEqual(
      listed.map((row: Record<string, unknown>) => [
        row.username,
        row.client_id,
        row.remembered,
        row.scope,
        row.tokens,
      ]),
      [
        ['ada', client.client_id, true, 'openid offline_access', 2],
        ['ada', own.client_id, false, '', 2],
      ],
    );
    assert.match(listed[0].allowed_at, /^\d{4}-\d\d-\d\dT.*Z$/);
    assert.deepEqual(await list('--client', own.client_id), [listed[1]]);
    assert.match((await command('list', '--account', 'mei')).stdout, /^No application has access\.$/m);

    const revoked = await command('revoke', '--account', 'ada', '--client', own.client_id, '--json');
    assert.deepEqual(JSON.parse(revoked.stdout), [
      { username: 'ada', account_id: ada.id, client_id: own.client_id },
    ]);
    assert.equal((await refresh(server, own, first.tokens.body.refresh_token)).status, 400);
    assert.deepEqual(await list('--account', 'ada'), [listed[0]]);
    assert.match((await command('revoke', '--client', client.client_id)).stdout, /^ada {2}/);
    assert.deepEqual(await list('--account', 'ada'), []);
    const events = await server.database.knex('T_auth_audit_log').where({ action: 'consent.withdrawn' });
    assert.deepEqual(
      events.map(({ account_id, actor_id, client_id }) => [account_id, actor_id, client_id]),
      [
        [ada.id, null, own.client_id],
        [ada.id, null, client.client_id],
      ],
    );
  });

  test('says what is missing or unknown', async (t) => {
    const { server } = await begin(t);
    for (const [args, message] of [
      [[], /Name an account with --account, an application with --client, or both/],
      [['--account', 'nobody'], /nobody/],
      [['--client', 'none'], /none/],
    ] as const)
      for (const verb of ['list', 'revoke']) {
        const { code, stdout, stderr } = await latchkey(['grant', verb, ...args], {
          url: server.storage.url,
        });
        assert.deepEqual([code, stdout], [1, '']);
        assert.match(stderr, message);
      }
  });
});
