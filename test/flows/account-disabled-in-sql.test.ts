import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  refresh,
  signInWith,
} from '../support/builders/authorization.ts';
import { startServer } from '../support/server.ts';

describe('an account that an administrator disables in SQL alone', () => {
  test('gets nothing with its earlier session, code and tokens, though their rows are still there', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({ firstParty: true });
    const person = await server.createAccount();
    const { browser, tokens } = await signInWith(server, client, person);
    const request = authorization(client, { prompt: 'none' });
    const code = answerOf(await browser.get(authorizeUrl(request))).get('code');
    await server.database.knex('T_accounts').where({ id: person.id }).update({ is_active: false });
    assert.equal((await redeem(server, client, request, code)).body.error, 'invalid_grant');
    assert.equal((await refresh(server, client, tokens.body.refresh_token)).body.error, 'invalid_grant');
    const headers = { authorization: `Bearer ${tokens.body.access_token}` };
    assert.equal((await fetch(`${server.issuer}/me`, { headers })).status, 401);
    const info = await call(server, client, '/token/introspection', { token: tokens.body.access_token });
    assert.equal(info.body.active, false);
    const silent = await browser.get(authorizeUrl(authorization(client, { prompt: 'none' })));
    assert.equal(answerOf(silent).get('error'), 'login_required');
    assert.doesNotMatch(await (await browser.get('/')).text(), /signed in as/);
  });

  test('cannot allow an application on a consent page that is already open', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { knex } = server.database;
    const client = await server.createClient();
    const person = await server.createAccount();
    const browser = new Browser(server.issuer);
    const page = await browser.follow(await browser.get(authorizeUrl(authorization(client))));
    const form = await formOf(page);
    const { username, password } = person;
    const consent = await formOf(
      await browser.follow(await browser.post(form.action, { ...form.fields, username, password })),
    );
    await knex('T_accounts').where({ id: person.id }).update({ is_active: false });
    const answer = await browser.post(consent.action, { ...consent.fields, decision: 'allow' });
    assert.equal(answer.status, 400);
    assert.equal(answer.headers.get('location'), null);
    assert.equal((await knex('T_grants')).length, 0);
  });
});
