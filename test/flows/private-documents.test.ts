import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { authorization, authorizeUrl, call } from '../support/builders/authorization.ts';
import { createKey, sign } from '../support/builders/client-assertions.ts';
import { register } from '../support/builders/registration.ts';
import { DRAFT_00, startDocumentServer } from '../support/document-server.ts';
import { shareServer } from '../support/shared-server.ts';

describe('a document in a private network', () => {
  const shared = shareServer();

  test('is not fetched', async () => {
    const documents = await startDocumentServer();
    try {
      const id = documents.publish('/client.json', DRAFT_00);
      const { port } = new URL(id);
      for (const host of [
        'localhost',
        '127.0.0.1',
        '[::1]',
        '[::ffff:127.0.0.1]',
        '2130706433',
        '0177.0.0.1',
        '0.0.0.0',
      ]) {
        const client = {
          client_id: `https://${host}:${port}/client.json`,
          redirect_uris: DRAFT_00.redirect_uris,
        };
        const response = await new Browser(shared.server.issuer).get(authorizeUrl(authorization(client)));
        assert.equal(response.status, 400, host);
      }
      assert.deepEqual(documents.requests, []);
    } finally {
      documents.close();
    }
  });

  test('is not fetched for keys and subjects of an application that registers itself, either', async () => {
    const documents = await startDocumentServer();
    const { server } = shared;
    try {
      const key = await createKey('RS256', 'one');
      documents.documents.set('/jwks.json', { keys: [key.jwk] });
      const redirect_uris = ['https://app.example/cb'];
      const { body: client } = await register(server, {
        redirect_uris,
        token_endpoint_auth_method: 'private_key_jwt',
        jwks_uri: `${documents.origin}/jwks.json`,
      });
      const answer = await call(server, client, '/token', {
        grant_type: 'authorization_code',
        code: 'x',
        redirect_uri: redirect_uris[0],
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await sign(server, client.client_id, key),
      });
      assert.match(String(answer.body.error), /^invalid_client/);
      const sector = { subject_type: 'pairwise', sector_identifier_uri: `${documents.origin}/sector.json` };
      documents.documents.set('/sector.json', redirect_uris);
      const refused = await register(server, { redirect_uris, ...sector });
      assert.deepEqual([refused.status, refused.body.error], [400, 'invalid_client_metadata']);
      assert.deepEqual(documents.requests, []);
    } finally {
      documents.close();
    }
  });

  test('is named by one address a limited number of times', async () => {
    let status = 0;
    for (let request = 0; request < 60; request += 1) {
      const client = {
        client_id: `https://127.0.0.1:1/${request}.json`,
        redirect_uris: ['https://a.example/'],
      };
      ({ status } = await new Browser(shared.server.issuer).get(authorizeUrl(authorization(client))));
    }
    assert.equal(status, 400);
    await assert.rejects(shared.server.services.limits.metadataDocument.checkLimit('127.0.0.1'), /Too many/);
    const refused = await shared.server.database
      .knex('T_auth_audit_log')
      .where({ action: 'authorization.refused' });
    assert.deepEqual(refused, []);
  });
});
