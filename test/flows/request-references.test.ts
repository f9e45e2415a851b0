import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { createLog } from '../../src/kit/log.ts';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { LIMITS } from '../../src/web/rate-limits/limits.ts';
import { Browser } from '../support/browser.ts';
import {
  type Authorization,
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  walk,
} from '../support/builders/authorization.ts';
import { createKey, type Key } from '../support/builders/client-assertions.ts';
import { createEnds } from '../support/builders/conformance.ts';
import { DESCRIPTION, register } from '../support/builders/registration.ts';
import { type DocumentServer, startDocumentServer } from '../support/document-server.ts';
import { startServer, type TestServer } from '../support/server.ts';

const PATH = '/request.jwt';
const OUTSIDE = { response_type: 'code', scope: 'openid', redirect_uri: 'https://fieldnotes.example/cb' };

describe('a request object at an address', () => {
  const { t, close } = createEnds();
  let server: TestServer;
  let documents: DocumentServer;
  let ada: Awaited<ReturnType<TestServer['createAccount']>>;
  let key: Key;
  let client: ClientDocument;
  const lines: { parameter?: string; detail?: string }[] = [];
  before(async () => {
    const log = Object.assign(createLog('silent'), { info: (line: object) => void lines.push(line) });
    server = await startServer(t, 'sqlite', { config: { allowPrivateServices: true }, log });
    documents = await startDocumentServer();
    ada = await server.createAccount('ada', 'openid profile email calendar:read');
    key = await createKey('ES256', 'one');
    client = await server.createClient({
      jwks: { keys: [key.jwk] },
      requestUris: [`${documents.origin}${PATH}#digest`],
    });
  });
  after(async () => {
    documents.close();
    await close();
  });

  const claimsOf = ({ params }: Pick<Authorization, 'params'>): JWTPayload => ({
    iss: params.client_id,
    aud: server.issuer,
    exp: Math.floor(Date.now() / 1000) + 60,
    ...params,
  });
  const signed = (claims: JWTPayload, { privateKey, alg, kid } = key) =>
    new SignJWT(claims).setProtectedHeader({ alg, kid, typ: 'oauth-authz-req+jwt' }).sign(privateKey);
  const publish = (object: string, status = 200) =>
    documents.documents.set(PATH, (_request, response) => {
      response.writeHead(status, { 'content-type': 'application/oauth-authz-req+jwt' });
      response.end(object);
    });
  const reference = (client_id: string, params: Record<string, string> = {}): Authorization['params'] => ({
    client_id,
    ...OUTSIDE,
    request_uri: `${documents.origin}${PATH}`,
    ...params,
  });
  const errorOf = async (params: Authorization['params']) => {
    const response = await new Browser(server.issuer).get(authorizeUrl({ verifier: '', params }));
    const answer = answerOf(response);
    return `${answer.get('error')}: ${answer.get('error_description')}`;
  };

  test('is announced, with its registration', async () => {
    const response = await fetch(`${server.issuer}/.well-known/openid-configuration`);
    const metadata = (await response.json()) as Record<string, unknown>;
    assert.equal(metadata.request_uri_parameter_supported, true);
    assert.equal(metadata.require_request_uri_registration, true);
  });

  test('takes the place of every parameter in the address, whatever the fragments', async () => {
    for (const fragment of ['', '#digest', '#other']) {
      const request = authorization(client, { scope: 'openid email' });
      publish(await signed(claimsOf(request)));
      const params = reference(client.client_id, {
        request_uri: `${documents.origin}${PATH}${fragment}`,
        scope: 'calendar:read',
        state: 'x',
        nonce: 'x',
      });
      const answer = answerOf(await walk(new Browser(server.issuer), { ...request, params }, ada));
      assert.equal(answer.get('state'), request.params.state);
      const { body } = await redeem(server, client, request, answer.get('code'));
      assert.equal(body.scope, 'openid email');
    }
  });

  test('is verified like one in the request, so neither unsigned nor forged', async () => {
    const request = authorization(client);
    const good = claimsOf(request);
    publish(new UnsecuredJWT(good).encode());
    assert.match(
      await errorOf(reference(client.client_id)),
      /^invalid_request_object: unsupported signed request alg/,
    );
    publish(await signed(good, await createKey('ES256', 'one')));
    assert.match(await errorOf(reference(client.client_id)), /^invalid_request_object: could not validate/);
    publish(await signed({ ...good, request_uri: 'https://evil.example' }));
    assert.match(await errorOf(reference(client.client_id)), /^invalid_request_object/);
    publish('<html>');
    assert.match(await errorOf(reference(client.client_id)), /^invalid_request_object/);
  });

  test('is not fetched from an address that is not registered, and not in a request that is refused anyway', async () => {
    documents.requests.length = 0;
    const origin = documents.origin;
    const { port } = new URL(origin);
    const strangers = [
      `${origin}/other.jwt`,
      `${origin}${PATH}?x`,
      `${origin}${PATH}/`,
      `${origin}/x/..${PATH}`,
      `${origin.replace('https', 'HTTPS')}${PATH}`,
      `https://user@localhost:${port}${PATH}`,
      'http://169.254.169.254/latest/meta-data',
      'file:///etc/passwd',
      'urn:x',
      'x',
    ];
    for (const request_uri of strangers)
      assert.match(await errorOf(reference(client.client_id, { request_uri })), /^invalid_request_uri/);
    const plain = await server.createClient();
    assert.match(await errorOf(reference(plain.client_id)), /^invalid_request_uri/);
    const both = reference(client.client_id, { request: 'a.b.c' });
    assert.match(await errorOf(both), /^invalid_request: .*MUST NOT be used together/);
    const pushing = await server.createClient({ requirePar: true, requestUris: [`${origin}${PATH}`] });
    assert.match(await errorOf(reference(pushing.client_id)), /^request_uri_not_supported/);
    const pushed = await call(server, client, '/request', reference(client.client_id));
    assert.deepEqual([pushed.status, pushed.body.error], [400, 'request_uri_not_supported']);
    assert.deepEqual(documents.requests, []);
  });

  test('that cannot be read is refused without a word about why, which the log has', async () => {
    documents.documents.set('/elsewhere', {});
    const answers: [DocumentServer['documents'] extends Map<string, infer D> ? D : never, RegExp][] = [
      [(_, response) => response.writeHead(404).end(), /status is 404/],
      [(_, response) => response.writeHead(302, { location: '/elsewhere' }).end(), /status is 302/],
      [(_, response) => response.end('x'.repeat(4000)), /has 4000 characters/],
      [(_, response) => response.end('x'.repeat(100_000)), /larger than 65536 bytes/],
      [(request) => request.socket.destroy(), /./],
    ];
    for (const [answer, why] of answers) {
      documents.documents.set(PATH, answer);
      assert.equal(
        await errorOf(reference(client.client_id)),
        'invalid_request_uri: the request object cannot be read at the request_uri',
      );
      const line = lines.findLast(({ parameter }) => parameter === 'request_uri');
      assert.match(String(line?.detail), why);
    }
    assert.ok(!documents.requests.includes('/elsewhere'));
  });

  test('of an application that registers itself is read a limited number of times for an address', async () => {
    const { body: own } = await register(server, {
      ...DESCRIPTION,
      redirect_uris: [OUTSIDE.redirect_uri],
      jwks: { keys: [key.jwk] },
      request_uris: [`${documents.origin}${PATH}`],
    });
    assert.deepEqual(own.request_uris, [`${documents.origin}${PATH}`]);
    const request = authorization(own);
    publish(await signed(claimsOf(request)));
    documents.requests.length = 0;
    const browser = new Browser(server.issuer);
    const visit = () => browser.get(authorizeUrl({ verifier: '', params: reference(own.client_id) }));
    const first = await visit();
    assert.match(String(first.headers.get('location')), /\/interaction\//);
    for (let visits = 1; visits < LIMITS.requestObject.attempts; visits += 1) await visit();
    assert.equal(documents.requests.length, LIMITS.requestObject.attempts);
    const refused = await visit();
    assert.equal(refused.status, 429);
    assert.ok(refused.headers.get('retry-after'));
    assert.equal(documents.requests.length, LIMITS.requestObject.attempts);
  });

  test('of an application that an operator registered is read for a whole office, but for no flood', async () => {
    const { limits } = server.services;
    const { client_id } = await server.createClient({ requestUris: [`${documents.origin}${PATH}`] });
    const address = '127.0.0.1';
    for (let times = 0; times < LIMITS.checkedRequestObject.attempts; times += 1)
      await limits.checkedRequestObject.countAttempt(address).catch(() => {});
    documents.requests.length = 0;
    assert.match(
      await errorOf(reference(client_id)),
      /^invalid_request: Too many attempts came from your network/,
    );
    assert.deepEqual(documents.requests, []);
  });

  test('is registered with https, a bounded length and a bounded number', async () => {
    for (const requestUris of [
      ['http://fieldnotes.example/request'],
      ['javascript:alert(1)'],
      [`https://fieldnotes.example/${'x'.repeat(512)}`],
      Array.from({ length: 11 }, (_, index) => `https://fieldnotes.example/${index}`),
    ])
      await assert.rejects(async () => server.createClient({ requestUris }), /request_uri/);
  });
});

test('a request object in a private network is not fetched', async (context) => {
  const server = await startServer(context, 'sqlite');
  const documents = await startDocumentServer();
  context.after(documents.close);
  documents.documents.set(PATH, {});
  const { port } = new URL(documents.origin);
  const requestUris = ['localhost', '127.0.0.1', '[::1]', '2130706433'].map(
    (host) => `https://${host}:${port}${PATH}`,
  );
  const client = await server.createClient({ requestUris });
  for (const request_uri of requestUris) {
    const params = { client_id: client.client_id, ...OUTSIDE, request_uri };
    const response = await new Browser(server.issuer).get(authorizeUrl({ verifier: '', params }));
    assert.equal(answerOf(response).get('error'), 'invalid_request_uri');
  }
  assert.deepEqual(documents.requests, []);
});
