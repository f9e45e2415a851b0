import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { type DocumentServer, DRAFT_00, startDocumentServer } from '../support/document-server.ts';
import type { TestServer } from '../support/server.ts';
import { shareServer } from '../support/shared-server.ts';

describe('the URL of a document as client_id', () => {
  const shared = shareServer({ config: { allowPrivateServices: true } });
  let server: TestServer;
  let documents: DocumentServer;
  before(async () => {
    ({ server } = shared);
    documents = await startDocumentServer();
  });
  after(() => documents.close());

  const clientOf = (client_id: string, more: object = DRAFT_00) => ({ client_id, ...more });
  const start = (client_id: string, params: Record<string, string | undefined> = {}) =>
    new Browser(server.issuer).get(authorizeUrl(authorization(clientOf(client_id), params)));

  test('is refused for a document that is not its own, has a secret, or is no document', async () => {
    const own = (path: string) => ({ client_id: `${documents.origin}${path}` });
    const wrong: Record<string, object> = {
      '/other.json': { ...DRAFT_00, client_id: `${documents.origin}/draft-00.json` },
      '/slash.json': { ...DRAFT_00, client_id: `${documents.origin}/slash.json/` },
      '/none.json': { ...DRAFT_00, client_id: undefined },
      '/secret.json': { ...DRAFT_00, ...own('/secret.json'), client_secret: 'x' },
      '/basic.json': {
        ...DRAFT_00,
        ...own('/basic.json'),
        token_endpoint_auth_method: 'client_secret_basic',
      },
      '/redirects.json': { ...DRAFT_00, ...own('/redirects.json'), redirect_uris: ['javascript:alert(1)'] },
      '/unencrypted.json': {
        ...DRAFT_00,
        ...own('/unencrypted.json'),
        redirect_uris: ['http://app.example/cb'],
      },
      '/link.json': { ...DRAFT_00, ...own('/link.json'), client_uri: 'data:text/html,x' },
      '/list.json': [],
    };
    for (const [path, document] of Object.entries(wrong)) {
      documents.documents.set(path, document);
      const response = await start(`${documents.origin}${path}`);
      assert.deepEqual([response.status, response.headers.get('location')], [400, null], path);
    }
    assert.equal((await start(`${documents.origin}/missing.json`)).status, 400);
    documents.documents.set('/broken.json', (_req, res) => res.end('{'));
    assert.equal((await start(`${documents.origin}/broken.json`)).status, 400);
  });

  test('is refused for a redirect and for a document that is too large, each with one request', async () => {
    documents.documents.set('/moved.json', (_req, res) =>
      res.writeHead(302, { location: `${documents.origin}/draft-00.json` }).end(),
    );
    documents.documents.set('/large.json', (_req, res) =>
      res.end(
        JSON.stringify({ ...DRAFT_00, client_id: `${documents.origin}/large.json`, x: 'x'.repeat(6000) }),
      ),
    );
    const before = documents.requests.length;
    for (const path of ['/moved.json', '/large.json'])
      assert.equal((await start(`${documents.origin}${path}`)).status, 400, path);
    assert.equal(documents.requests.length, before + 2);
  });

  test('is refused for a URL that no document can have, without a request', async () => {
    const before = documents.requests.length;
    for (const id of [
      `${documents.origin.replace('https', 'http')}/draft-00.json`,
      `${documents.origin}/draft-00.json#fragment`,
      `${documents.origin}/a/../draft-00.json`,
      `${documents.origin}/%2e%2e/draft-00.json`,
      `${documents.origin.replace('//', '//user:password@')}/draft-00.json`,
      `${documents.origin}/${'x'.repeat(255)}.json`,
    ])
      assert.equal((await start(id)).status, 400, id);
    assert.equal(documents.requests.length, before);
  });
});
