import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  redeem,
  refresh,
  signInWith,
  walk,
} from '../support/builders/authorization.ts';
import { arrive, decide } from '../support/builders/consent.ts';
import { claimsOf } from '../support/builders/second-factor.ts';
import { startServer, type TestServer } from '../support/server.ts';

const OPERATOR = { accountId: null };
/** Every claim about the person, asked for in the ID token and at the userinfo endpoint. */
const EVERYTHING = (() => {
  const names = [
    'email',
    'email_verified',
    'name',
    'preferred_username',
    'picture',
    'updated_at',
    'roles',
    'acr',
    'shoe_size',
  ];
  const asked = Object.fromEntries(names.map((name) => [name, { essential: true }]));
  return JSON.stringify({ id_token: asked, userinfo: asked });
})();
const PERSONAL = ['email', 'email_verified', 'name', 'preferred_username', 'picture', 'updated_at'];

const personal = (claims: Record<string, unknown>) =>
  Object.keys(claims).filter((name) => PERSONAL.includes(name));

async function userinfo(server: TestServer, token: string | undefined): Promise<Record<string, unknown>> {
  const response = await fetch(`${server.issuer}/me`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(response.status, 200);
  return (await response.json()) as Record<string, unknown>;
}

/** The personal claims in the ID token and at the userinfo endpoint, after a sign-in and after a refresh. */
async function received(server: TestServer, client: ClientDocument, tokens: Record<string, unknown>) {
  const next = await refresh(server, client, tokens.refresh_token as string);
  assert.equal(next.status, 200);
  const sets: string[][] = [];
  for (const { id_token, access_token } of [tokens, next.body]) {
    sets.push(personal(claimsOf(id_token as string)));
    sets.push(personal(await userinfo(server, access_token as string)));
  }
  return sets;
}

const consentPage = async (server: TestServer, client: ClientDocument, claims: string, scope = 'openid') => {
  const browser = new Browser(server.issuer);
  const person = await server.createAccount();
  const request = authorization(client, { scope, claims });
  const login = await browser.follow(await browser.get(authorizeUrl(request)));
  const uid = new URL(login.url).pathname;
  const csrf = /name="csrf" value="([^"]*)"/.exec(await login.text())?.[1] ?? '';
  const fields = { csrf, username: person.username, password: person.password };
  const page = await browser.follow(await browser.post(uid, fields));
  return page.text();
};

describe('the claims parameter', () => {
  for (const firstParty of [false, true]) {
    const kind = firstParty ? 'a first-party application' : 'an application that asks for consent';

    test(`gives ${kind} no claim of a scope that it may not request`, async (t) => {
      const server = await startServer(t, 'sqlite');
      const client = await server.createClient({ scope: 'openid', firstParty });
      const person = await server.createAccount();
      const asked = { scope: 'openid offline_access', prompt: 'consent', claims: EVERYTHING };
      const { tokens } = await signInWith(server, client, person, asked);
      assert.deepEqual(await received(server, client, tokens.body), [[], [], [], []]);
    });

    test(`gives ${kind} no claim of a scope beyond the account's own`, async (t) => {
      const server = await startServer(t, 'sqlite');
      const client = await server.createClient({ scope: 'openid profile email', firstParty });
      const person = await server.createAccount('ada', 'openid email');
      const asked = { scope: 'openid offline_access', prompt: 'consent', claims: EVERYTHING };
      const { tokens } = await signInWith(server, client, person, asked);
      const email = ['email', 'email_verified'];
      assert.deepEqual(await received(server, client, tokens.body), [email, email, email, email]);
    });

    test(`does the same for ${kind} with prompt=none`, async (t) => {
      const server = await startServer(t, 'sqlite');
      const client = await server.createClient({ scope: 'openid', firstParty });
      const person = await server.createAccount();
      const { browser } = await signInWith(server, client, person, { scope: 'openid' });
      const silent = authorization(client, { scope: 'openid', prompt: 'none', claims: EVERYTHING });
      const answer = answerOf(await browser.get(authorizeUrl(silent)));
      assert.equal(answer.get('error'), null, 'a dropped claim needs no consent');
      const tokens = await redeem(server, client, silent, answer.get('code'));
      assert.deepEqual(personal(claimsOf(tokens.body.id_token)), []);
      assert.deepEqual(personal(await userinfo(server, tokens.body.access_token)), []);
    });
  }

  test('is held against the scopes that the application has now, not those at the time of consent', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({ scope: 'openid profile email' });
    const person = await server.createAccount();
    const asked = { scope: 'openid offline_access email', prompt: 'consent', claims: EVERYTHING };
    const { tokens } = await signInWith(server, client, person, asked);
    assert.equal(
      personal(claimsOf(tokens.body.id_token)).length,
      4,
      'all but name and picture, which ada has not set',
    );
    await server.clients.update(OPERATOR, client.client_id, { scope: 'openid' });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.deepEqual(personal(await userinfo(server, tokens.body.access_token)), []);
    const next = await refresh(server, client, tokens.body.refresh_token);
    assert.deepEqual(personal(claimsOf(next.body.id_token)), []);
  });

  test('gives no claim without consent', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const person = await server.createAccount();
    const { browser } = await signInWith(server, client, person, { scope: 'openid' });
    const silent = authorization(client, { scope: 'openid', prompt: 'none', claims: EVERYTHING });
    assert.equal(answerOf(await browser.get(authorizeUrl(silent))).get('error'), 'consent_required');
  });

  test('needs no consent of its own for a claim whose scope was granted', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const person = await server.createAccount();
    const { browser } = await signInWith(server, client, person, {});
    const silent = authorization(client, { prompt: 'none', claims: EVERYTHING });
    const tokens = await redeem(
      server,
      client,
      silent,
      answerOf(await browser.get(authorizeUrl(silent))).get('code'),
    );
    assert.equal(claimsOf(tokens.body.id_token).email, 'ada@harbour.example');
  });

  test('is shown on the consent page, claim by claim', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const html = await consentPage(server, client, EVERYTHING);
    for (const text of ['your e-mail address', 'your name', 'your username', 'your picture', 'roles'])
      assert.ok(html.includes(text), text);
    for (const claim of PERSONAL) assert.ok(html.includes(claim), `${claim} under Technical details`);
    assert.ok(!html.includes('shoe_size'), 'this server has no such claim');
  });

  test('adds nothing to the consent page that the application will not get', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({ scope: 'openid email' });
    const html = await consentPage(server, client, EVERYTHING);
    assert.ok(html.includes('your e-mail address'));
    assert.ok(!html.includes('your picture') && !html.includes('preferred_username'));
  });

  test('asks again for a claim that became possible while the consent page was open', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({ scope: 'openid profile email' });
    const person = await server.createAccount('ada', 'openid');
    const claims = JSON.stringify({ userinfo: { email: null, name: null } });
    const browser = new Browser(server.issuer);
    const request = authorization(client, { scope: 'openid', claims });
    const page = await arrive(browser, request, person);
    assert.doesNotMatch(await page.clone().text(), /your e-mail address|your name/);
    await server.accounts.update(OPERATOR, 'ada', { scope: 'openid profile email' });
    const again = await decide(browser, page, 'allow');
    assert.equal(again.status, 200, 'the user is asked again');
    assert.match(await again.clone().text(), /your e-mail address/);
    const grants = await server.database.knex('T_grants').pluck('payload');
    assert.ok(grants.every((payload) => !payload.includes('email')));
    const answer = answerOf(await decide(browser, again, 'allow'));
    const { body } = await redeem(server, client, request, answer.get('code'));
    assert.equal((await userinfo(server, body.access_token)).email, 'ada@harbour.example');
  });

  test('shows a claim again when consent is asked for again', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const person = await server.createAccount();
    const claims = JSON.stringify({ userinfo: { email: null } });
    const { browser } = await signInWith(server, client, person, { scope: 'openid', claims });
    const again = authorization(client, { scope: 'openid', claims, prompt: 'consent' });
    const page = await browser.follow(await browser.get(authorizeUrl(again)));
    assert.ok((await page.text()).includes('your e-mail address'));
  });

  test('cannot be denied claim by claim: a denied consent gives nothing', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const person = await server.createAccount();
    const request = authorization(client, { scope: 'openid', claims: EVERYTHING });
    const answer = answerOf(await walk(new Browser(server.issuer), request, person, 'deny'));
    assert.equal(answer.get('error'), 'access_denied');
    assert.deepEqual(await server.database.knex('T_grants'), []);
  });

  test('may name roles and acr, which every sign-in with openid carries, and what is unknown is ignored', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({ scope: 'openid' });
    const person = await server.createAccount();
    await server.database.knex('T_account_roles').insert({
      id: '0190a1b2-0000-7000-8000-000000000001',
      created_at: new Date(),
      account_id: person.id,
      role: 'editor',
    });
    const claims = JSON.stringify({
      id_token: { roles: null, acr: null, shoe_size: { essential: true } },
    });
    const { tokens } = await signInWith(server, client, person, { scope: 'openid', claims });
    const { roles, acr, shoe_size } = claimsOf(tokens.body.id_token);
    assert.deepEqual([roles, acr, shoe_size], [['editor'], 'pwd', undefined]);
  });
});
