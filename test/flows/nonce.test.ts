import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { authorization, authorizeUrl, signInWith } from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

for (const engine of engines) {
  describe(`nonces on ${engine}`, () => {
    test('the second use of a nonce by an account gets an error and no code, in every response mode', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const ada = await server.createAccount('ada');
      const bob = await server.createAccount('bob');
      const nonce = 'n-0S6_WzA2Mj-once';
      const { browser } = await signInWith(server, client, ada, { nonce });
      for (const response_mode of ['query', 'fragment', 'form_post', undefined]) {
        const request = authorization(client, { nonce, response_mode });
        const response = await browser.get(authorizeUrl(request));
        const html = await response.text();
        const location = response.headers.get('location');
        const parameters =
          response_mode === 'form_post'
            ? new URLSearchParams(
                [...html.matchAll(/name="([^"]*)" value="([^"]*)"/g)].map(
                  (m) => [String(m[1]), String(m[2])] as [string, string],
                ),
              )
            : new URLSearchParams(String(location).split(response_mode === 'fragment' ? '#' : '?')[1]);
        assert.equal(parameters.get('error'), 'invalid_request', `${response_mode} ${location}`);
        assert.equal(parameters.get('state'), request.params.state);
        assert.equal(parameters.get('iss'), server.issuer);
        assert.ok(!parameters.has('code'));
      }
      assert.equal((await server.database.knex('T_authorization_codes').where({ nonce })).length, 1);
      const other = await signInWith(server, client, bob, { nonce });
      assert.equal(other.tokens.status, 200, 'another account may use the same nonce');
    });

    test('of 20 requests with one nonce at once exactly one gets a code', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const { browser } = await signInWith(server, client, await server.createAccount());
      const nonce = 'twenty-at-once';
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => browser.get(authorizeUrl(authorization(client, { nonce })))),
      );
      const locations = answers.map((answer) => String(answer.headers.get('location')));
      assert.equal(locations.filter((location) => location.includes('code=')).length, 1);
      assert.equal(locations.filter((location) => location.includes('error=invalid_request')).length, 19);
    });
  });
}
