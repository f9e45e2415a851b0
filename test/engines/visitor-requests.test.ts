import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Authenticator } from '../support/authenticator.ts';
import { Browser, formOf } from '../support/browser.ts';
import { answerOf, authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { newcomer, placeOf, post, signInPage, typePassword } from '../support/builders/passkey.ts';
import { engines } from '../support/engines.ts';
import { countRows } from '../support/rows.ts';
import { startServer, type TestServer } from '../support/server.ts';

const COOKIE = /latchkey_authorization/;
const keptIn = (browser: Browser) => [...browser.cookies].find(([name]) => COOKIE.test(name));

async function open(
  server: TestServer,
  browser = new Browser(server.issuer),
  input: { firstParty?: boolean; client?: ClientDocument } = {},
) {
  const client = input.client ?? (await server.createClient({ firstParty: input.firstParty ?? true }));
  const request = authorization(client);
  const page = await browser.follow(await browser.get(authorizeUrl(request)));
  return { browser, page, client, request };
}

for (const engine of engines) {
  describe(`the authorization request of a visitor on ${engine}`, () => {
    test('is in the visitor’s browser until the first form is sent, and then a row', async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      const person = await server.createAccount();
      const client = await server.createClient({ firstParty: true });
      const before = await countRows(server.database);
      const { browser, page, request } = await open(server, undefined, { client });
      assert.ok(keptIn(browser));
      const { action, fields, html } = await formOf(page);
      assert.equal((await browser.get(action)).status, 200);
      const wrong = { ...fields, username: 'nobody', password: '' };
      assert.equal((await browser.post(action, wrong)).status, 401);
      assert.deepEqual(await countRows(server.database), before);
      assert.ok(!html.includes(String(request.params.state)), 'what the page holds of it is sealed');

      const form = { ...fields, username: person.username, password: person.password };
      const answer = answerOf(await browser.follow(await browser.post(action, form)));
      assert.ok(answer.get('code'));
      assert.equal(answer.get('state'), request.params.state);
      const [row, ...others] = await knex('T_authorization_requests');
      assert.deepEqual([row.status, row.client_id, others], ['approved', client.client_id, []]);
      assert.equal(keptIn(browser), undefined, 'the cookie is gone');
    });

    test('is used once: a copy of its cookie begins nothing after the sign-in', async (t) => {
      const server = await startServer(t, engine);
      const person = await server.createAccount();
      for (const firstParty of [true, false]) {
        const { browser, page } = await open(server, undefined, { firstParty });
        const { action, fields } = await formOf(page);
        const copy = new Map(browser.cookies);
        const form = { ...fields, username: person.username, password: person.password };
        const end = await browser.follow(await browser.post(action, form));
        assert.equal(end.status, firstParty ? 303 : 200, 'a code, or the question for consent');
        const thief = new Browser(server.issuer);
        for (const [name, cookie] of copy) thief.cookies.set(name, cookie);
        assert.equal((await thief.get(action)).status, 400);
        const again = await thief.follow(await thief.post(action, form));
        assert.equal(again.status, 400);
      }
      const rows = await server.database.knex('T_authorization_requests');
      assert.equal(rows.length, 2);
    });

    test('sent twice at once is one row and one code', async (t) => {
      const server = await startServer(t, engine);
      const person = await server.createAccount();
      const { browser, page } = await open(server);
      const { action, fields } = await formOf(page);
      const form = { ...fields, username: person.username, password: person.password };
      const answers = await Promise.all(Array.from({ length: 5 }, () => browser.post(action, form)));
      for (const answer of answers) assert.equal(answer.status, 303);
      const ends = [];
      for (const answer of answers) ends.push(await browser.follow(answer));
      assert.equal(ends.filter((end) => end.headers.get('location')?.includes('code=')).length, 1);
      assert.equal((await server.database.knex('T_authorization_requests')).length, 1);
      assert.equal((await server.database.knex('T_authorization_codes')).length, 1);
    });

    test('goes on after a passkey, whose challenge is no row either until it is answered', async (t) => {
      const server = await startServer(t, engine);
      const key = new Authenticator(server.issuer);
      const { username } = await newcomer(server, 'ada', key);
      const client = await server.createClient({ firstParty: true });
      const before = await countRows(server.database);
      const { browser, place, request } = await signInPage(server, client);
      const options = await post(browser, 'authentication/options', place);
      assert.deepEqual(await countRows(server.database), before);
      const response = key.get(options.body);
      const done = await post(browser, 'authentication/verify', { ...place, response });
      assert.equal(done.status, 200, JSON.stringify(done));
      const end = await browser.follow(await browser.get(new URL(String(done.body.location)).pathname));
      assert.equal(answerOf(end).get('state'), request.params.state);
      const again = await post(browser, 'authentication/verify', { ...place, response });
      assert.ok(again.status >= 400, `${username} is not signed in twice by one answer`);
    });

    test('has five minutes for a passkey: a later answer is refused', async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      const key = new Authenticator(server.issuer);
      await newcomer(server, 'ada', key);
      const { browser, place } = await signInPage(server, await server.createClient());
      const late = await post(browser, 'authentication/options', place);
      const early = await post(browser, 'authentication/options', place);
      const began = Date.now();
      t.mock.timers.enable({ apis: ['Date'], now: began + 299_000 });
      const verify = (options: typeof late) =>
        post(browser, 'authentication/verify', { ...place, response: key.get(options.body) });
      assert.equal((await verify(early)).status, 200);
      const [row] = await knex('T_webauthn_challenges').orderBy('id', 'desc').limit(1);
      assert.ok(row.consumed_at && !JSON.stringify(row).includes(early.body.challenge));
      const rows = await countRows(server.database);
      t.mock.timers.setTime(began + 301_000);
      assert.equal((await verify(late)).status, 401);
      const [event] = await knex('T_auth_audit_log').orderBy('id', 'desc').limit(1);
      assert.equal(event.error_code, 'challenge');
      const { T_webauthn_challenges } = await countRows(server.database);
      assert.equal(T_webauthn_challenges, rows.T_webauthn_challenges);
    });

    test('of another interaction does not open: its seal names the interaction', async (t) => {
      const server = await startServer(t, engine);
      const [one, two] = [await open(server), await open(server)];
      const [, sealed] = (await placeOf(two.page)).interaction?.split('#') ?? [];
      const place = await placeOf(one.page);
      const [action = ''] = place.interaction?.split('#') ?? [];
      const mixed = { csrf: place.csrf, interaction: `${action}#${sealed}` };
      assert.equal((await post(one.browser, 'authentication/options', mixed)).status, 400);
      const [name = ''] = keptIn(one.browser) ?? [];
      one.browser.cookies.set(name, { value: String(sealed), path: action });
      assert.equal((await one.browser.get(action)).status, 400);
    });

    test('of a signed-in person is a row, as it belongs to an account', async (t) => {
      const server = await startServer(t, engine);
      const person = await server.createAccount();
      const { browser, page } = await open(server);
      await browser.follow(await typePassword(browser, page, person));
      await open(server, browser, { firstParty: false });
      const rows = await server.database.knex('T_authorization_requests').where({ status: 'pending' });
      assert.deepEqual(
        rows.map((row) => row.account_id),
        [person.id],
      );
      assert.equal(keptIn(browser), undefined);
    });
  });
}

test('an authorization request has a bound, and the largest one fits into a cookie and comes back exactly', async (t) => {
  const server = await startServer(t, 'sqlite');
  const person = await server.createAccount();
  const client = await server.createClient({ firstParty: true });
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const random = (length: number) =>
    Array.from({ length }, () => letters[Math.floor(Math.random() * letters.length)]).join('');
  const state = random(2048);
  const length = authorizeUrl(authorization(client, { state, login_hint: '' })).length - '/auth?'.length;
  const request = authorization(client, { state, login_hint: random(3072 - length) });
  const browser = new Browser(server.issuer);
  const page = await browser.follow(await browser.get(authorizeUrl(request)));
  assert.equal(page.status, 200);
  const [name = '', cookie] = keptIn(browser) ?? [];
  assert.ok(`${name} ${cookie?.value}`.length < 4096, String(cookie?.value.length));
  const answer = answerOf(await browser.follow(await typePassword(browser, page, person)));
  assert.equal(answer.get('state'), state);

  for (const [more, words] of [
    [{ state: `${state}x` }, 'a state of 2049 characters. At most 2048'],
    [{ state: random(10_240) }, 'a state of 10240 characters. At most 2048'],
    [{ login_hint: random(3072) }, 'characters. At most 3072'],
  ] as const) {
    const refused = await new Browser(server.issuer).get(authorizeUrl(authorization(client, more)));
    assert.equal(refused.status, 400);
    assert.equal(refused.headers.get('location'), null);
    assert.ok((await refused.text()).includes(words), words);
  }
  assert.equal((await server.database.knex('T_authorization_requests')).length, 1);
});
