import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import { REFUSALS_PER_HOUR } from '../../src/oidc/audit-refusals.ts';
import { parameterAtFault } from '../../src/oidc/parameter-at-fault.ts';
import { Browser } from '../support/browser.ts';
import { authorization, authorizeUrl, call, redeem, signInWith } from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { countRows, found } from '../support/rows.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

/** A log that keeps its lines. */
function keptLog() {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { log, lines, refusals: () => lines.filter(({ event }) => String(event).endsWith('.refused')) };
}

const auditRows = async (server: TestServer) =>
  (await server.database.knex('T_auth_audit_log').where('action', 'like', '%.refused').orderBy('id')).map(
    ({ action, error_code, error_message, details }) => {
      const { parameter, description } = JSON.parse(details);
      assert.equal(error_message, description);
      return [action, error_code, parameter, description];
    },
  );

for (const engine of engines) {
  describe(`a refused request on ${engine}`, () => {
    test('is one event in the log, in the audit log and at the application, at every OAuth endpoint', async (t) => {
      const { log, refusals } = keptLog();
      const server = await startServer(t, engine, { log });
      const client = await server.createClient({
        postLogoutRedirectUris: ['https://fieldnotes.example/bye'],
      });
      const { tokens, request, browser, answer } = await signInWith(
        server,
        client,
        await server.createAccount(),
      );
      const imposter = { ...client, client_secret: 'not-the-secret-of-anyone' };
      const open = (params: Record<string, string | undefined>) =>
        browser.get(authorizeUrl(authorization(client, params)));
      const expected: [() => Promise<unknown>, action: string, error: string, parameter: string, RegExp][] = [
        [
          () => open({ code_challenge: undefined, code_challenge_method: undefined, nonce: undefined }),
          'authorization.refused',
          'invalid_request',
          'code_challenge',
          /^add code_challenge/,
        ],
        [
          () => open({ redirect_uri: 'https://evil.example/' }),
          'authorization.refused',
          'invalid_redirect_uri',
          'redirect_uri',
          /registered redirect_uris/,
        ],
        [
          () => open({ nonce: request.params.nonce }),
          'authorization.refused',
          'invalid_request',
          'nonce',
          /nonce was used before/,
        ],
        [
          () => open({ state: undefined, prompt: 'none', max_age: 'x' }),
          'authorization.refused',
          'invalid_request',
          'max_age',
          /max_age/,
        ],
        [
          () => open({ state: 'x'.repeat(2500) }),
          'authorization.refused',
          'invalid_request',
          'state',
          /a state of 2500 characters/,
        ],
        [
          () => redeem(server, imposter, request, answer.get('code')),
          'token_request.refused',
          'invalid_client',
          'client_secret',
          /client authentication failed/,
        ],
        [
          () => redeem(server, client, request, 'a-code-that-nobody-issued'),
          'token_request.refused',
          'invalid_grant',
          'code',
          /grant request is invalid/,
        ],
        [
          () => call(server, client, '/token/introspection', {}),
          'introspection.refused',
          'invalid_request',
          'token',
          /missing required parameter/,
        ],
        [
          () => call(server, imposter, '/token/revocation', { token: tokens.body.access_token }),
          'revocation.refused',
          'invalid_client',
          'client_secret',
          /client authentication failed/,
        ],
        [
          () =>
            browser.get(
              `/session/end?client_id=${client.client_id}&post_logout_redirect_uri=https://evil.example/&state=${request.params.state}`,
            ),
          'sign_out.refused',
          'invalid_request',
          'post_logout_redirect_uri',
          /post_logout_redirect_uri not registered/,
        ],
      ];
      for (const [index, [send, action, error, parameter, description]] of expected.entries()) {
        await send();
        const line = refusals()[index];
        assert.deepEqual(
          [line?.event, line?.client_id, line?.error, line?.parameter],
          [action, client.client_id, error, parameter],
        );
        assert.match(String(line?.description), description);
        const row = (await auditRows(server))[index];
        assert.deepEqual(row, [action, error, parameter, line?.description]);
        const { at, ...last } = (await server.clients.show(client.client_id)).last_refused as Record<
          string,
          string
        >;
        assert.deepEqual(last, { action, error, parameter, description: line?.description });
        assert.ok(Math.abs(Date.now() - Date.parse(String(at))) < 60_000);
      }
      assert.equal(refusals().length, expected.length, 'each is one line');
      const secrets = new Map(
        Object.entries({
          ...request.params,
          ...(tokens.body as Record<string, string>),
          verifier: request.verifier,
          code: String(answer.get('code')),
          secret: 'not-the-secret-of-anyone',
          invented: 'a-code-that-nobody-issued',
        }).filter(([name]) => /state|nonce|token$|code$|verifier|secret|invented/.test(name)),
      );
      secrets.delete('code_challenge');
      const text = JSON.stringify([refusals(), await server.database.knex('T_auth_audit_log')]);
      assert.deepEqual(found(text, secrets), []);
    });
  });
}

test('refused requests of every kind, and with long values, add a bounded number of rows', async (t) => {
  const { log, refusals } = keptLog();
  const server = await startServer(t, 'sqlite', { log });
  const client = await server.createClient();
  const before = await countRows(server.database);
  const browser = new Browser(server.issuer);
  const faults = [
    { prompt: 'x'.repeat(1500) },
    { max_age: 'y'.repeat(1500) },
    { response_mode: 'z'.repeat(1500) },
  ];
  for (const fault of faults)
    for (let index = 0; index < REFUSALS_PER_HOUR + 5; index += 1)
      await (await browser.get(authorizeUrl(authorization(client, fault)))).arrayBuffer();
  const after = await countRows(server.database);
  assert.equal(
    Number(after.T_auth_audit_log) - Number(before.T_auth_audit_log),
    faults.length * REFUSALS_PER_HOUR,
  );
  for (const line of refusals()) assert.ok(JSON.stringify(line).length < 1000);
  const { last_refused } = await server.clients.show(client.client_id);
  assert.ok(JSON.stringify(last_refused).length < 1000);
});

test('latchkey client show ends with the last refused request', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  const show = (...args: string[]) =>
    latchkey(['client', 'show', client.client_id, ...args], { url: server.storage.url });
  assert.match((await show()).stdout, /^last refused\s+never$/m);
  await new Browser(server.issuer).get(authorizeUrl(authorization(client, { scope: 'groups' })));
  assert.match(
    (await show()).stdout,
    /^last refused\s+\S+ authorization\.refused invalid_scope \(scope\) none of /m,
  );
  assert.equal(JSON.parse((await show('--json')).stdout).last_refused.parameter, 'scope');
});

test('the parameter at fault is a name, and never a value', () => {
  const cases: [string, string, string | undefined][] = [
    ['invalid_request', "'state' and 'nonce' parameters must not be provided twice", 'state'],
    ['invalid_request', 'requested grant type is not allowed for this client', 'grant_type'],
    ['invalid_request', 'request is invalid', undefined],
    ['access_denied', 'the user denied access', undefined],
    ['invalid_client', 'client is invalid', 'client_id'],
  ];
  for (const [error, error_description, parameter] of cases)
    assert.equal(parameterAtFault({ error, error_description }), parameter, error_description);
});
