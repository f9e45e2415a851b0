import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createEventLimit } from '../../src/audit/event-limit.ts';
import type { AuditEvent } from '../../src/audit/index.ts';
import { REFUSALS_PER_HOUR } from '../../src/oidc/audit-refusals.ts';
import { Browser } from '../support/browser.ts';
import { authorization, authorizeUrl, call, redeem, signInWith } from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const refused = (server: TestServer) =>
  server.database.knex('T_auth_audit_log').where('action', 'like', '%.refused').orderBy('id');

/** The whole audit log, to search for what must not be in it. */
const whole = async (server: TestServer) => JSON.stringify(await server.database.knex('T_auth_audit_log'));

describe('refused requests', () => {
  test('leave an audit event that names the application and the error, and no secret', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const { tokens, request, browser } = await signInWith(server, client, await server.createAccount());
    const secrets = ['wrong-verifier-'.repeat(4), 'a-code-that-nobody-issued', 'not-the-secret'];
    const [verifier = '', code = '', secret = ''] = secrets;
    await redeem(server, client, request, code, { code_verifier: verifier });
    await call(server, client, '/token', { grant_type: 'password', password: secret });
    const imposter = { ...client, client_secret: secret };
    await call(server, imposter, '/token', { grant_type: 'client_credentials' });
    await call(server, imposter, '/token/introspection', { token: tokens.body.access_token });
    await call(server, imposter, '/token/revocation', { token: tokens.body.access_token });
    await call(server, client, '/token/introspection', {});
    await browser.get(authorizeUrl(authorization(client, { code_challenge_method: 'plain' })));
    await browser.get(authorizeUrl(authorization(client, { redirect_uri: 'https://evil.example/' })));
    const rows = await refused(server);
    assert.deepEqual(
      rows.map((row) => [row.action, row.error_code]),
      [
        ['token_request.refused', 'invalid_grant'],
        ['token_request.refused', 'unsupported_grant_type'],
        ['token_request.refused', 'invalid_client'],
        ['introspection.refused', 'invalid_client'],
        ['revocation.refused', 'invalid_client'],
        ['introspection.refused', 'invalid_request'],
        ['authorization.refused', 'invalid_request'],
        ['authorization.refused', 'invalid_redirect_uri'],
      ],
    );
    for (const row of rows) {
      assert.equal(Boolean(row.success), false);
      assert.equal(row.client_id, client.client_id);
      assert.equal(row.ip_address, '127.0.0.1');
      assert.ok(row.error_message);
    }
    const text = await whole(server);
    for (const one of [
      ...secrets,
      ...Object.values(tokens.body).filter((value) => String(value).length > 30),
    ])
      assert.ok(!text.includes(String(one)), String(one));
  });

  test('of an unknown application leave no audit event, and of a known one a limited number an hour', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({ public: true });
    const nobody = { client_id: 'nobody', client_secret: 'x' };
    for (let index = 0; index < 5; index += 1) {
      const answers = [
        await call(server, nobody, '/token', { grant_type: 'authorization_code', code: 'x' }),
        await fetch(`${server.issuer}/token`, { method: 'POST', body: new URLSearchParams({ a: 'b' }) }),
        await fetch(`${server.issuer}/auth?client_id=nobody-${index}`),
        await fetch(`${server.issuer}/me`, { headers: { authorization: 'Bearer x' } }),
      ];
      assert.deepEqual(
        answers.map(({ status }) => status),
        [401, 401, 400, 401],
      );
    }
    assert.equal((await server.database.knex('T_auth_audit_log').where({ success: false })).length, 0);
    const garbage = { grant_type: 'authorization_code', code: 'x', redirect_uri: 'https://x.example' };
    const fields = { ...garbage, code_verifier: 'a'.repeat(43) };
    for (let index = 0; index < REFUSALS_PER_HOUR + 10; index += 10)
      await Promise.all(Array.from({ length: 10 }, () => call(server, client, '/token', fields)));
    assert.equal((await refused(server)).length, REFUSALS_PER_HOUR);
  });
});

for (const engine of engines) {
  describe(`refused requests on ${engine}`, () => {
    test('that lost a race leave the audit event of the replay, though their unit is rolled back', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const browser = new Browser(server.issuer);
      const person = await server.createAccount();
      await signInWith(server, client, person, {}, browser);
      const request = authorization(client, { prompt: 'none' });
      const sent = await browser.get(authorizeUrl(request));
      const code = new URL(sent.headers.get('location') ?? '').searchParams.get('code');
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => redeem(server, client, request, code)),
      );
      const lost = answers.filter(({ status }) => status === 400).length;
      assert.ok(lost >= 7, `${lost} lost`);
      const rows = await server.database
        .knex('T_auth_audit_log')
        .where({ client_id: client.client_id, error_code: 'invalid_grant' });
      assert.equal(rows.length, lost, 'each has one row');
      assert.ok(rows.some(({ action }) => action === 'code_replay.detected'));
    });
  });
}

test('events left out of the audit log are counted in the first event of the next hour', () => {
  let now = 0;
  const admit = createEventLimit(REFUSALS_PER_HOUR, () => now);
  const event: AuditEvent = { action: 'token_request.refused', clientId: 'a', errorCode: 'invalid_grant' };
  for (let index = 0; index < REFUSALS_PER_HOUR; index += 1) assert.deepEqual(admit(event), {});
  for (let index = 0; index < 3; index += 1) assert.equal(admit(event), undefined);
  assert.deepEqual(admit({ ...event, errorCode: 'invalid_client' }), {}, 'another error has its own limit');
  assert.deepEqual(admit({ ...event, clientId: 'b' }), {}, 'another application has its own limit');
  now = 3_600_000;
  assert.deepEqual(admit(event), { details: { omitted: 3 } });
  assert.deepEqual(admit(event), {});
});
