import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { uuidv7 } from '../../src/kit/ids.ts';
import { authorization, authorizeUrl, call, redeem, signInWith } from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

for (const engine of engines) {
  describe(`a commit that fails on ${engine}`, () => {
    test('for an unexpected reason replaces the response with an error and writes nothing', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient({ firstParty: true });
      const { browser, tokens } = await signInWith(server, client, await server.createAccount());
      assert.equal(tokens.status, 200);
      const silent = authorization(client, { prompt: 'none' });
      const code = new URL((await browser.get(authorizeUrl(silent))).headers.get('location') ?? '')
        .searchParams;

      const { driver } = server.database;
      const { commit } = driver;
      driver.commit = async () => {
        throw new Error('nobody foresaw this');
      };
      for (const accept of ['*/*', 'text/html', 'application/json']) {
        const refused = await fetch(`${server.issuer}/token`, {
          method: 'POST',
          headers: {
            accept,
            authorization: `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}`,
          },
          body: new URLSearchParams({
            grant_type: 'authorization_code',
            code: code.get('code') ?? '',
            redirect_uri: String(silent.params.redirect_uri),
            code_verifier: silent.verifier,
          }),
        });
        assert.equal(refused.status, 500);
        assert.match(String(refused.headers.get('content-type')), /^application\/json/);
        assert.equal(refused.headers.get('cache-control'), 'no-store');
        // RFC 6749 section 5.2, without internal details.
        assert.deepEqual(await refused.json(), {
          error: 'server_error',
          error_description: 'Something went wrong on our side.',
        });
      }

      const response = await browser.get(authorizeUrl(authorization(client, { prompt: 'none' })));
      assert.equal(response.status, 500);
      assert.equal(response.headers.get('location'), null);
      assert.deepEqual(response.headers.getSetCookie(), []);
      assert.match(await response.text(), /went wrong on our side/);
      driver.commit = commit;

      // Nothing was written: the code can still be redeemed, and the session is unchanged.
      const late = await redeem(server, client, silent, code.get('code'));
      assert.equal(late.status, 200, JSON.stringify(late.body));
      const info = await call(server, client, '/token/introspection', { token: late.body.access_token });
      assert.equal(info.body.active, true);
    });

    test('or an error in the middle of a request, writes nothing of that request', async (t) => {
      const server = await startServer(t, engine);
      const { driver, knex } = server.database;
      const client = await server.createClient({ firstParty: true });
      const person = await server.createAccount();
      const role = { id: uuidv7(), created_at: new Date(), account_id: person.id, role: 'editor' };
      await knex('T_account_roles').insert(role);
      const { browser } = await signInWith(server, client, person);
      const request = authorization(client, { prompt: 'none' });
      const sent = await browser.get(authorizeUrl(request));
      const code = new URL(sent.headers.get('location') ?? '').searchParams.get('code');
      const before = await knex('T_access_tokens').count({ n: '*' });

      // Roles are read for the ID token, after the code was used up and the access token created.
      const readOne = driver.readOne.bind(driver);
      let broken = 0;
      driver.readOne = async (statement, values) => {
        if (!statement.sql(engine === 'mariadb' ? 'mysql' : engine).includes('SELECT r.id, r.role'))
          return readOne(statement, values);
        broken += 1;
        throw new Error('nobody foresaw this: secret-detail');
      };
      const refused = await redeem(server, client, request, code);
      assert.deepEqual([refused.status, refused.body.error, broken], [500, 'server_error', 1]);
      assert.ok(!JSON.stringify(refused.body).includes('secret-detail'));
      driver.readOne = readOne;
      assert.deepEqual(await knex('T_access_tokens').count({ n: '*' }), before);
      const late = await redeem(server, client, request, code);
      assert.equal(late.status, 200, 'the code can still be redeemed');
    });
  });
}
