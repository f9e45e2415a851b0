import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  answerRequest,
  askForSignIn,
  createTill,
  pollForTokens,
  REQUESTS,
} from '../support/builders/ciba.ts';
import { visit } from '../support/builders/signed-in.ts';
import { startServer } from '../support/server.ts';

const essential = (value: string) => JSON.stringify({ id_token: { acr: { essential: true, value } } });

test('a request without a browser (CIBA) with an essential acr is approved by a strong enough sign-in alone', async (t) => {
  const server = await startServer(t, 'sqlite');
  const till = await createTill(server);
  const ada = await server.createAccount();
  const unknown = await askForSignIn(server, till, { login_hint: 'ada', claims: essential('gold') });
  assert.deepEqual([unknown.status, unknown.body.error], [400, 'invalid_request']);
  const { body } = await askForSignIn(server, till, { login_hint: 'ada', claims: essential('phr') });
  const { browser } = await visit(server, ada, REQUESTS);
  assert.equal((await answerRequest(browser, 'approve')).status, 403);
  assert.equal((await pollForTokens(server, till, body.auth_req_id)).body.error, 'authorization_pending');
  const { knex } = server.database;
  const session = await knex('T_user_sessions').where({ account_id: ada.id }).first();
  const payload = JSON.stringify({ ...JSON.parse(session.payload), acr: 'phr' });
  await knex('T_user_sessions').where({ id: session.id }).update({ payload });
  assert.equal((await answerRequest(browser, 'approve')).status, 303);
});
