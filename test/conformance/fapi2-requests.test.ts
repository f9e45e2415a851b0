import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Account } from '../../src/identity/accounts/store.ts';
import type { ClientInput } from '../../src/oidc/clients/input.ts';
import { Browser } from '../support/browser.ts';
import { authorizeUrl } from '../support/builders/authorization.ts';
import { createEnds } from '../support/builders/conformance.ts';
import { createFapiClient, type FapiClient, redeemFapi } from '../support/builders/fapi-client.ts';
import { startServer, type TestServer } from '../support/server.ts';

const OPERATOR = { accountId: null };
const errorOf = async (response: Response) => ((await response.json()) as { error: string }).error;

describe('FAPI 2.0 Security Profile, requests', () => {
  const { t, close } = createEnds();
  let server: TestServer;
  let app: FapiClient;
  let ada: Account & { password: string };
  before(async () => {
    server = await startServer(t, 'sqlite');
    app = await createFapiClient(server);
    ada = await server.createAccount();
  });
  after(close);

  const push = async (params: Record<string, string | undefined>, changes = {}) => {
    const all = Object.entries({ ...(await app.request()), ...params });
    const stated = all.filter((entry): entry is [string, string] => entry[1] !== undefined);
    return app.send('/request', Object.fromEntries(stated), changes);
  };
  const refusesClient = (input: Partial<ClientInput>) =>
    assert.rejects(createFapiClient(server, input), { code: 'fapi_profile_violated' });

  describe('5.3.2.2 Authorization endpoint flows', () => {
    test('1: supports response_type=code only', async () => {
      for (const response_type of ['token', 'id_token', 'code id_token'])
        assert.equal(await errorOf(await push({ response_type })), 'unsupported_response_type');
    });

    test('2, 4: accepts pushed requests of authenticated clients only', async () => {
      assert.equal((await push({})).status, 201);
      const body = new URLSearchParams({ ...(await app.request()), client_id: app.client.client_id });
      assert.equal((await fetch(`${server.issuer}/request`, { method: 'POST', body })).status, 401);
    });

    test('3: rejects requests that were not pushed', async () => {
      const params = { ...(await app.request()), client_id: app.client.client_id };
      const answer = await new Browser(server.issuer).get(authorizeUrl({ verifier: '', params }));
      const arrived = new URL(String(answer.headers.get('location')));
      assert.equal(arrived.searchParams.get('error'), 'invalid_request');
      await assert.rejects(server.clients.update(OPERATOR, app.client.client_id, { requirePar: false }), {
        code: 'fapi_profile_violated',
      });
    });

    test('5: requires PKCE with S256', async () => {
      for (const params of [
        { code_challenge: undefined, code_challenge_method: undefined },
        { code_challenge: app.verifier, code_challenge_method: 'plain' },
        { code_challenge_method: undefined },
      ])
        assert.equal(await errorOf(await push(params)), 'invalid_request');
      await refusesClient({ pkce: 'or-nonce' });
    });

    test('6: requires redirect_uri in pushed requests', async () => {
      assert.equal(await errorOf(await push({ redirect_uri: undefined })), 'invalid_request');
    });

    test('7: returns iss', async () => {
      assert.equal((await app.signIn(ada)).searchParams.get('iss'), server.issuer);
    });

    test('8: allows http in no redirect URI but that of a loopback address', async () => {
      await refusesClient({ redirectUris: ['http://10.0.0.1/cb'] });
    });

    test('9: rejects a code that was used before', async () => {
      const arrived = await app.signIn(ada);
      await redeemFapi(app, arrived);
      await assert.rejects(redeemFapi(app, arrived), { error: 'invalid_grant' });
    });

    test('10, 11: redirects with 303, never with 307', async () => {
      const { request_uri = '' } = (await (await push({})).json()) as Record<string, string>;
      const params = { client_id: app.client.client_id, request_uri };
      const answer = await new Browser(server.issuer).get(authorizeUrl({ verifier: '', params }));
      assert.equal(answer.status, 303);
    });

    test('12: pushed requests expire within 600 seconds', async () => {
      const { expires_in } = (await (await push({})).json()) as { expires_in: number };
      assert.ok(expires_in < 600, String(expires_in));
    });

    test('14: supports a nonce of 64 characters', async () => {
      const nonce = 'n'.repeat(64);
      const tokens = await redeemFapi(app, await app.signIn(ada, { nonce }), nonce);
      assert.equal(tokens.claims()?.nonce, nonce);
    });
  });
});
