import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, test } from 'node:test';
import { ROUTES } from '../../src/web/routes.ts';
import { startServer } from '../support/server.ts';

/** Sends a request without a body. `fetch` refuses the method TRACE. */
function send(url: string, method: string) {
  return new Promise<{ status: number; allow: string | undefined; body: string }>((resolve, reject) => {
    const headers = { accept: 'text/html', 'content-length': '0' };
    request(url, { method, headers }, async (response) => {
      let body = '';
      for await (const chunk of response) body += chunk;
      resolve({ status: response.statusCode ?? 0, allow: response.headers.allow, body });
    })
      .on('error', reject)
      .end();
  });
}

const pathOf = (path: string) => path.replace(/:\w+/g, 'x');

describe('a method that a path does not have', () => {
  test('gets 405 and the methods that it has, at every path', async (t) => {
    const { issuer } = await startServer(t, 'sqlite');
    for (const { path } of ROUTES) {
      // At the API of another service, that service decides.
      if (path === '/token/:unknown' || path.endsWith('/*')) continue;
      // No path has this method.
      const { status, allow = '' } = await send(issuer + pathOf(path), 'PATCH');
      assert.equal(status, 405, path);
      const allowed = allow.split(', ');
      assert.ok(allowed.includes('GET') || allowed.includes('POST'), `${path}: ${allow}`);
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'TRACE']) {
        const answer = await send(issuer + pathOf(path), method);
        assert.equal(answer.status === 405, !allowed.includes(method), `${method} ${path}: ${answer.status}`);
        if (answer.status === 405) assert.equal(answer.allow, allow, `${method} ${path}`);
      }
    }
  });

  for (const [path, allow] of [
    ['/token', 'POST'],
    ['/token/introspection', 'POST'],
    ['/token/revocation', 'POST'],
    ['/webauthn/registration/options', 'POST'],
    ['/webauthn/authentication/verify', 'POST'],
    ['/account/security/keys', 'POST'],
    ['/jwks', 'GET, HEAD'],
    ['/me', 'GET, HEAD, POST'],
    ['/account/security', 'HEAD, GET, POST'],
  ])
    test(`${path} allows ${allow}`, async (t) => {
      const { issuer } = await startServer(t, 'sqlite');
      assert.equal((await send(issuer + path, 'PUT')).allow, allow);
    });

  test('is named to applications in JSON, and to people on a page that leads on', async (t) => {
    const { issuer } = await startServer(t, 'sqlite');
    assert.deepEqual(JSON.parse((await send(`${issuer}/token`, 'GET')).body), {
      error: 'invalid_request',
      error_description: 'This address does not accept GET. Use POST.',
    });
    const page = await send(`${issuer}/account/security/keys`, 'GET');
    assert.match(page.body, /<h1>This page cannot be opened by itself<\/h1>/);
    assert.match(page.body, /href="\/account\/security">Your account/);
  });

  test('of a path that does not exist stays 404, and OPTIONS of an endpoint answers browsers', async (t) => {
    const { issuer } = await startServer(t, 'sqlite');
    for (const path of ['/nothing', '/token/nothing'])
      assert.equal((await send(issuer + path, 'DELETE')).status, 404, path);
    const headers = { origin: 'https://spa.example', 'access-control-request-method': 'POST' };
    const answer = await fetch(`${issuer}/token`, { method: 'OPTIONS', headers });
    assert.equal(answer.headers.get('access-control-allow-origin'), 'https://spa.example');
  });
});
