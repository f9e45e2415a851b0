import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  redeem,
  refresh,
  walk,
} from '../support/builders/authorization.ts';
import { createKey, sign } from '../support/builders/client-assertions.ts';
import { arriveInNewBrowser, decide } from '../support/builders/consent.ts';
import { createSlowKey } from '../support/builders/slow-key.ts';
import { type DocumentServer, DRAFT_00, startDocumentServer } from '../support/document-server.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { shareServer } from '../support/shared-server.ts';

const OPERATOR = { accountId: null };

describe('an application whose client_id is the URL of a document', () => {
  const shared = shareServer({ config: { allowPrivateServices: true } });
  let server: TestServer;
  let documents: DocumentServer;
  let ada: Awaited<ReturnType<TestServer['createAccount']>>;
  before(async () => {
    ({ server } = shared);
    documents = await startDocumentServer();
    ada = await server.createAccount();
  });
  after(() => documents.close());

  const clientOf = (client_id: string, more: object = DRAFT_00) => ({ client_id, ...more });
  const start = (client_id: string, params: Record<string, string | undefined> = {}) =>
    new Browser(server.issuer).get(authorizeUrl(authorization(clientOf(client_id), params)));
  const rowsOf = (client_id: string) => server.database.knex('T_oauth_clients').where({ client_id });

  test('is announced in the metadata', async () => {
    const response = await fetch(`${server.issuer}/.well-known/oauth-authorization-server`);
    const metadata = (await response.json()) as Record<string, unknown>;
    assert.equal(metadata.client_id_metadata_document_supported, true);
    assert.ok((metadata.token_endpoint_auth_methods_supported as string[]).includes('none'));
  });

  test('of draft-00 signs a user in after a warning that names both hosts, and is stored only then', async () => {
    const id = documents.publish('/draft-00.json', DRAFT_00);
    const { browser, page, request } = await arriveInNewBrowser(server, clientOf(id), ada);
    const html = await page.clone().text();
    assert.match(
      html,
      /<h1>Allow a program on this device to use[\s\S]*You will return to <b class="mono host">127\.0\.0\.1:3000</,
    );
    assert.match(html, /have not checked this application/);
    assert.match(html, /<span class="host">localhost:\d+<\/span> describes it/);
    assert.ok(!html.includes('logo.png'));
    assert.deepEqual(await rowsOf(id), []);
    const code = answerOf(await decide(browser, page, 'allow')).get('code');
    const tokens = await redeem(server, clientOf(id), request, code);
    assert.equal(tokens.status, 200);
    assert.equal((await refresh(server, clientOf(id), tokens.body.refresh_token)).status, 200);
    const [row] = await rowsOf(id);
    assert.deepEqual([row.registered_via, row.client_name], ['metadata_document', 'Example MCP Client']);
    assert.ok((await server.clients.list()).some(({ client_id }) => client_id === id));
    // A program on the device may listen on any port of a loopback address.
    const other = await start(id, { redirect_uri: 'http://127.0.0.1:51999/callback' });
    assert.equal(other.status, 303);
  });

  test('of draft-02 needs no authentication method, and may have another JSON type', async () => {
    const {
      token_endpoint_auth_method,
      application_type: _type,
      ...rest
    } = { ...DRAFT_00, application_type: 'web' };
    const id = documents.publish('/draft-02.json', { ...rest, software_version: '1.2' });
    const body = documents.documents.get('/draft-02.json');
    documents.documents.set('/draft-02.json', (_req, res) =>
      res
        .writeHead(200, { 'content-type': 'application/cimd+json; charset=utf-8' })
        .end(JSON.stringify(body)),
    );
    const request = authorization(clientOf(id));
    const answer = answerOf(await walk(new Browser(server.issuer), request, ada));
    assert.equal((await redeem(server, clientOf(id), request, answer.get('code'))).status, 200);
  });

  test('of draft-03 lists the methods that it can use, and authenticates with its key', async () => {
    const key = await createKey('RS256', 'one');
    documents.documents.set('/jwks.json', { keys: [key.jwk] });
    const keys = { jwks_uri: `${documents.origin}/jwks.json`, token_endpoint_auth_signing_alg: 'RS256' };
    const { token_endpoint_auth_method: _method, ...rest } = DRAFT_00;
    const shapes = {
      '/preferred.json': {
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
      },
      '/listed.json': { token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'] },
    };
    for (const [path, methods] of Object.entries(shapes)) {
      const id = documents.publish(path, { ...rest, ...keys, ...methods });
      const request = authorization(clientOf(id));
      const { code } = Object.fromEntries(answerOf(await walk(new Browser(server.issuer), request, ada)));
      const assertion = {
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await sign(server, id, key),
      };
      const withoutKey = await redeem(server, clientOf(id), request, String(code));
      assert.equal(withoutKey.body.error, 'invalid_client', path);
      assert.equal((await redeem(server, clientOf(id), request, String(code), assertion)).status, 200, path);
    }
    // The rules of registered keys.
    const slow = await createSlowKey('two');
    documents.documents.set('/slow.json', { keys: [slow.jwk, key.jwk] });
    const signed = documents.publish('/slow-key.json', {
      ...rest,
      jwks_uri: `${documents.origin}/slow.json`,
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'PS256',
    });
    const slowAnswer = await redeem(server, clientOf(signed), authorization(clientOf(signed)), 'x', {
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await sign(server, signed, slow),
    });
    assert.equal(slowAnswer.body.error, 'invalid_client');
    // Without a method that it shares with the server but `none`.
    const id = documents.publish('/public.json', {
      ...rest,
      token_endpoint_auth_method: 'attest_jwt_client_auth',
      token_endpoint_auth_methods_supported: ['attest_jwt_client_auth', 'none'],
      token_endpoint_auth_signing_alg: 'ES256',
    });
    const request = authorization(clientOf(id));
    const answer = answerOf(await walk(new Browser(server.issuer), request, ada));
    assert.equal((await redeem(server, clientOf(id), request, answer.get('code'))).status, 200);
  });

  test('gets no power from its document', async () => {
    const id = documents.publish('/powers.json', {
      ...DRAFT_00,
      is_first_party: true,
      allowed_scopes: '*:* latchkey:accounts',
      scope: 'openid latchkey:accounts',
      pkce: 'off',
      is_resource_server: true,
      grant_types: ['authorization_code', 'client_credentials'],
      registered_via: 'admin',
      cors_origins: ['https://evil.example'],
    });
    const withoutPkce = await start(id, { code_challenge: undefined, code_challenge_method: undefined });
    assert.equal(answerOf(withoutPkce).get('error'), 'invalid_request');
    const client = (await server.provider.Client.find(id)) as unknown as Record<string, unknown>;
    assert.deepEqual(
      [
        client.is_first_party,
        client.allowed_scopes,
        client.pkce,
        client.is_resource_server,
        client.grantTypes,
      ],
      [false, 'openid', 'always', false, ['authorization_code']],
    );
    assert.deepEqual([client.registered_via, client.cors_origins], ['metadata_document', []]);
    const { page } = await arriveInNewBrowser(server, clientOf(id), ada, {
      scope: 'openid latchkey:accounts',
    });
    assert.match(await page.text(), /have not checked this application/);
    assert.ok(!(await server.clients.listFrontPages()).some(({ name }) => name === 'Example MCP Client'));
  });

  test('is fetched once while its headers allow it, by requests at the same time, too', async () => {
    documents.headers['cache-control'] = 'max-age=3600';
    const id = documents.publish('/cached.json', DRAFT_00);
    const count = () => documents.requests.filter((path) => path === '/cached.json').length;
    await Promise.all([start(id), start(id), start(id)]);
    assert.equal((await start(id)).status, 303);
    assert.equal(count(), 1);
  });

  test('is refused on every path once an operator has disabled it', async (t) => {
    const id = documents.publish('/disabled.json', DRAFT_00);
    const request = authorization(clientOf(id));
    const answer = answerOf(await walk(new Browser(server.issuer), request, ada));
    await server.clients.disable(OPERATOR, id);
    // This server knows the application's state for a second.
    const { storage, issuer } = server;
    const { config } = await startServer(t, 'sqlite', {
      storage,
      config: { issuer, allowPrivateServices: true },
    });
    const other = { issuer: `http://127.0.0.1:${config.port}` };
    const { body } = await redeem(other, clientOf(id), request, answer.get('code'));
    assert.equal(body.error, 'invalid_client');
    const refused = await new Browser(other.issuer, issuer).get(authorizeUrl(authorization(clientOf(id))));
    assert.equal(refused.status, 400);
  });

  test('is on the page of the user, who ends its access there', async () => {
    const id = documents.publish('/withdrawn.json', { ...DRAFT_00, client_name: 'Withdrawn MCP' });
    await walk(new Browser(server.issuer), authorization(clientOf(id)), ada);
    const listed = await server.services.consents.listApplications(ada.id);
    assert.ok(listed.some(({ clientId, name }) => clientId === id && name === 'Withdrawn MCP'));
    await server.services.consents.withdraw({ accountId: ada.id }, { accountId: ada.id, clientId: id });
    const left = await server.services.consents.listApplications(ada.id);
    assert.ok(!left.some(({ clientId }) => clientId === id));
  });
});
