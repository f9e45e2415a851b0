import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formOf } from '../support/browser.ts';
import { signInWith } from '../support/builders/authorization.ts';
import { allow, startGoogleFor } from '../support/builders/connections.ts';
import { callerOf, problemOf } from '../support/builders/proxied-calls.ts';
import { visit } from '../support/builders/signed-in.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

const SCOPE = 'openid connections:google.read';
const PATH = '/account/connections/google';

for (const engine of engines)
  describe(`connecting on ${engine}`, () => {
    test('counts one of twenty simultaneous returns, and ends the use by one application', async (t) => {
      const server = await startServer(t, engine, { config: { allowPrivateServices: true } });
      const google = await startGoogleFor(t, server);
      const ada = await server.createAccount('ada', SCOPE);
      const { browser } = await visit(server, ada, PATH);
      const { action, fields } = await formOf(await browser.get(PATH));
      const left = await browser.post(action, fields);
      const url = await allow(new URL(String(left.headers.get('location'))));
      const answers = await Promise.all(Array.from({ length: 20 }, () => browser.get(url)));
      assert.equal(answers.filter(({ status }) => status === 303).length, 1);
      assert.equal(google.counts.codes, 1);
      const { knex } = server.database;
      assert.equal((await knex('T_oauth_tokens')).length, 1);

      const client = await server.createClient({ scope: SCOPE });
      const { tokens } = await signInWith(server, client, ada, { scope: SCOPE });
      const call = callerOf(server, String(tokens.body.access_token));
      assert.equal((await call('calendar/v3/users/me/calendarList')).status, 200);
      const access = { accountId: ada.id, clientId: client.client_id, service: 'google' };
      const { withdrawConnections } = server.services.consents;
      const ended = await Promise.all([1, 2].map(() => withdrawConnections({ accountId: ada.id }, access)));
      assert.deepEqual(ended.sort(), [false, true]);
      await problemOf(await call('calendar/v3/users/me/calendarList'), 403, 'not_connected');
    });
  });
