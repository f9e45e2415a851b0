import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { auth, discoverAuthorizationServerMetadata } from '@modelcontextprotocol/sdk/client/auth.js';
import { decodeJwt } from 'jose';
import { Browser } from '../support/browser.ts';
import { decide } from '../support/builders/consent.ts';
import {
  callTool,
  createMcpClient,
  type Example,
  finishAuthorization,
  isUnauthorized,
  type McpClient,
  openAuthorization,
  runExample,
} from '../support/builders/mcp.ts';
import { type DocumentServer, startDocumentServer } from '../support/document-server.ts';
import { freePort } from '../support/free-port.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { shareServer } from '../support/shared-server.ts';

const OPERATOR = { accountId: null };
const SCOPES = 'openid profile email notes:read notes:write';

describe('a Model Context Protocol server', () => {
  const shared = shareServer({ config: { allowPrivateServices: true } });
  let server: TestServer;
  let documents: DocumentServer;
  let notes: Example;
  let address: string;
  let ada: Awaited<ReturnType<TestServer['createAccount']>>;

  before(async () => {
    ({ server } = shared);
    documents = await startDocumentServer();
    ada = await server.createAccount('ada', SCOPES);
    address = `http://127.0.0.1:${await freePort()}/mcp`;
    await server.services.resources.create(OPERATOR, {
      identifier: address,
      name: 'Notes',
      scope: 'notes:read notes:write',
      format: 'jwt',
    });
    notes = runExample('server.js', [], { ISSUER: server.issuer, RESOURCE: address });
    assert.equal((await notes.lines.next()).value, `Notes are at ${address}`);
  });
  after(() => {
    notes.child.kill();
    documents.close();
  });

  /** Allows what a client asks for. @returns the text of the consent page */
  async function allow(client: McpClient, browser: Browser): Promise<string> {
    const page = await openAuthorization(browser, client.url as URL, ada);
    const html = await page.clone().text();
    const location = (await decide(browser, page, 'allow')).headers.get('location');
    await finishAuthorization(address, client, String(location));
    return html;
  }

  test('of the examples and its client find each other with nothing but an address', async () => {
    const client = runExample('client.js', [address, 'Paint the boat'], {});
    const browser = new Browser(server.issuer);
    const pages: string[] = [];
    const printed: string[] = [];
    for await (const line of client.lines) {
      if (!line.startsWith('Open ')) printed.push(line);
      else {
        const page = await openAuthorization(browser, new URL(line.slice(5)), ada);
        pages.push(await page.clone().text());
        await fetch(String((await decide(browser, page, 'allow')).headers.get('location')));
      }
    }
    assert.deepEqual(printed, ['Ask the harbour master about the tide tables', 'There are 2 notes now.']);
    assert.equal(pages.length, 2);
    // The second page asks only for what is new.
    assert.match(String(pages[0]), /It will be able to[\s\S]*Know who you are[\s\S]*See your notes/);
    const [added, earlier] = String(pages[1]).split('You have already allowed it to');
    assert.match(String(added), /It will also be able to/);
    assert.equal(added?.match(/<li>/g)?.length, 1);
    assert.match(String(added), /Add and change your notes/);
    assert.match(String(earlier), /See your notes/);
  });

  test('is used by the SDK with a metadata document as its client, which asks for more step by step', async () => {
    const redirect_uris = ['http://127.0.0.1:3000/callback', 'http://localhost:3000/callback'];
    const id = documents.publish('/mcp.json', {
      client_name: 'Harbour',
      redirect_uris,
      token_endpoint_auth_method: 'none',
    });
    const client = createMcpClient({ grant_types: ['authorization_code'] }, id);
    await assert.rejects(callTool(address, client, 'list_notes'), isUnauthorized);
    assert.equal(client.information?.client_id, id);
    assert.equal(client.url?.searchParams.get('resource'), address);
    const browser = new Browser(server.issuer);
    const first = await allow(client, browser);
    assert.match(first, /localhost:\d+<\/span> describes it/);
    assert.match(await callTool(address, client, 'list_notes'), /tide tables/);
    const token = decodeJwt(String(client.current?.access_token));
    assert.deepEqual(
      [token.aud, token.iss, token.scope, token.client_id],
      [address, server.issuer, 'notes:read', id],
    );
    await assert.rejects(callTool(address, client, 'add_note', { text: 'x' }), isUnauthorized);
    assert.equal(client.url?.searchParams.get('scope'), 'notes:read notes:write');
    const second = await allow(client, browser);
    const [added, before] = second.split('You have already allowed it to');
    assert.match(String(added), /It will also be able to[\s\S]*Add and change your notes/);
    assert.equal(added?.match(/<li>/g)?.length, 1);
    assert.match(String(before), /See your notes/);
    assert.match(await callTool(address, client, 'add_note', { text: 'x' }), /notes now/);
  });

  test('is used by the SDK, which registers itself and refreshes its tokens', async () => {
    const client = createMcpClient();
    await assert.rejects(callTool(address, client, 'list_notes'), isUnauthorized);
    assert.match(String(client.information?.client_id), /^[0-9a-f-]{36}$/);
    await allow(client, new Browser(server.issuer));
    const earlier = client.current;
    assert.ok(earlier?.refresh_token);
    assert.equal(await auth(client, { serverUrl: address }), 'AUTHORIZED');
    assert.notEqual(client.current?.refresh_token, earlier.refresh_token);
    assert.match(await callTool(address, client, 'list_notes'), /tide tables/);
  });

  test('is used by the SDK with each way to authenticate, registered by itself or by an operator', async () => {
    const registered = await server.createClient({
      redirectUris: ['http://127.0.0.1:3000/callback'],
      scope: SCOPES,
      public: true,
    });
    const clients = [
      ...['client_secret_basic', 'client_secret_post', 'none'].map((token_endpoint_auth_method) =>
        createMcpClient({ token_endpoint_auth_method }),
      ),
      Object.assign(createMcpClient(), {
        information: { client_id: registered.client_id, issuer: server.issuer },
      }),
    ];
    for (const client of clients) {
      await assert.rejects(callTool(address, client, 'list_notes'), isUnauthorized);
      client.url?.searchParams.set('scope', 'notes:read offline_access');
      const browser = new Browser(server.issuer);
      const page = await openAuthorization(browser, client.url as URL, ada);
      const location = String((await decide(browser, page, 'allow')).headers.get('location'));
      assert.equal(new URL(location).searchParams.get('iss'), server.issuer);
      await finishAuthorization(address, client, location);
      assert.ok(client.current?.refresh_token);
      assert.match(await callTool(address, client, 'list_notes'), /tide tables/);
    }
  });

  test('is not reached with a token for another resource, nor by a user who may not use it', async () => {
    const other = 'https://other.example/mcp';
    await server.services.resources.create(OPERATOR, {
      identifier: other,
      scope: 'notes:read',
      format: 'jwt',
    });
    const client = createMcpClient();
    await assert.rejects(callTool(address, client, 'list_notes'), isUnauthorized);
    client.url?.searchParams.set('resource', other);
    const browser = new Browser(server.issuer);
    const page = await openAuthorization(browser, client.url as URL, ada);
    const location = (await decide(browser, page, 'allow')).headers.get('location');
    await assert.rejects(finishAuthorization(address, client, String(location)), /resource/i);
    const mei = await server.createAccount('mei', 'openid profile email');
    const refused = await openAuthorization(new Browser(server.issuer), client.url as URL, mei);
    const answer = new URL(String(refused.headers.get('location'))).searchParams;
    assert.deepEqual([answer.get('error'), answer.get('iss')], ['invalid_target', server.issuer]);
  });

  test('asks for no scope of an API without its name, and for none over Latchkey', async () => {
    const client = createMcpClient();
    await assert.rejects(callTool(address, client, 'list_notes'), isUnauthorized);
    const root = await server.createAccount('root', `${SCOPES} latchkey:*`);
    for (const [scope, resource] of [
      ['notes:read', undefined],
      ['latchkey:accounts', address],
      ['latchkey:accounts', undefined],
      ['*:*', undefined],
    ]) {
      const url = new URL(String(client.url));
      url.searchParams.set('scope', String(scope));
      if (resource === undefined) url.searchParams.delete('resource');
      const answer = await openAuthorization(new Browser(server.issuer), url, root);
      const error = new URL(String(answer.headers.get('location'))).searchParams.get('error');
      assert.equal(error, 'invalid_scope', `${scope} ${resource}`);
    }
  });

  test('is found by the SDK at an issuer with a path', async (t) => {
    const issuer = 'http://localhost:4999/id';
    const { config } = await startServer(t, 'sqlite', { config: { issuer } });
    const origin = `http://127.0.0.1:${config.port}`;
    const fetchFn = (url: string | URL) => fetch(String(url).replace('http://localhost:4999', origin));
    const metadata = await discoverAuthorizationServerMetadata(issuer, { fetchFn });
    assert.deepEqual(
      [metadata?.issuer, metadata?.code_challenge_methods_supported, metadata?.registration_endpoint],
      [issuer, ['S256'], `${issuer}/register`],
    );
    const { authorization_response_iss_parameter_supported: iss } = metadata as Record<string, unknown>;
    assert.equal(iss, true);
  });
});
