import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
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
import { invite, open, signUp } from '../support/builders/invitation.ts';
import { authenticate, newcomer, post, signInPage } from '../support/builders/passkey.ts';
import { type DatabaseProxy, openProxy } from '../support/database-proxy.ts';
import { createMigratedDatabase } from '../support/databases.ts';
import { type EngineName, engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const UNKNOWN = /may have been saved: check before you try again/;

/** A server whose connections to the database run through a proxy. */
async function openThroughProxy(t: TestContext, engine: EngineName, hostname?: string) {
  const storage = await createMigratedDatabase(engine);
  t.after(storage.drop);
  const proxy = await openProxy(t, storage.url);
  const server = await startServer(t, engine, { storage: { ...storage, url: proxy.url }, hostname });
  return { proxy, server };
}

/** A first-party application with a session and a code that is not redeemed. */
async function withCode(server: TestServer) {
  const client = await server.createClient({ firstParty: true, refreshOverlap: 0 });
  const person = await server.createAccount();
  const { browser } = await signInWith(server, client, person, { scope: 'openid offline_access' });
  const request = authorization(client, { scope: 'openid offline_access', prompt: 'none' });
  const code = answerOf(await browser.get(authorizeUrl(request))).get('code');
  return { client, person, browser, request, code };
}

/** Loses the answer to the next COMMIT, and then the database itself. @returns a function that brings it back */
async function loseDatabase(proxy: DatabaseProxy): Promise<() => Promise<void>> {
  const lost = proxy.loseCommit('answer').then(() => proxy.refuse());
  return async () => {
    await lost;
    await proxy.listen();
  };
}

/** Loses the answer to the next commit that touches `table`, and not to one that the server makes by itself. */
function loseCommitOf(server: TestServer, proxy: DatabaseProxy, table: string): void {
  const { driver } = server.database;
  const { commit } = driver;
  driver.commit = (writes) => {
    if (writes.some(({ statement }) => statement.sql('mysql').includes(table))) {
      driver.commit = commit;
      proxy.loseCommit('answer');
    }
    return commit(writes);
  };
}

/**
 * Refuses connections from the first commit on that touches `table`. What the server commits by itself, such as the use
 * of clients, goes through. @returns a function that brings the database back
 */
function refuseAtCommit(server: TestServer, proxy: DatabaseProxy, table: string): () => Promise<void> {
  const { driver } = server.database;
  const { commit } = driver;
  driver.commit = async (writes) => {
    if (writes.some(({ statement }) => statement.sql('mysql').includes(table))) await proxy.refuse();
    return commit(writes);
  };
  return () => {
    driver.commit = commit;
    return proxy.listen();
  };
}

function assertUnknown(response: { status: number; headers: Headers }, text: string): void {
  assert.equal(response.status, 503, text);
  assert.equal(response.headers.get('retry-after'), null);
  assert.match(text, UNKNOWN);
}

// SQLite is part of the server: it has no connection to lose.
for (const engine of engines.filter((one) => one !== 'sqlite')) {
  describe(`a lost answer to COMMIT on ${engine}`, () => {
    test('is settled before the response: code and refresh token are used once, and their tokens work', async (t) => {
      const { proxy, server } = await openThroughProxy(t, engine);
      const { client, request, code } = await withCode(server);
      const { knex } = server.database;
      const before = (await knex('T_access_tokens')).length;
      proxy.loseCommit('answer');
      const first = await redeem(server, client, request, code);
      assert.equal(first.status, 200, JSON.stringify(first.body));
      proxy.loseCommit('answer');
      const second = await refresh(server, client, first.body.refresh_token);
      assert.equal(second.status, 200, JSON.stringify(second.body));
      const third = await refresh(server, client, second.body.refresh_token);
      assert.equal(third.status, 200, JSON.stringify(third.body));
      assert.equal((await knex('T_access_tokens')).length, before + 3);
      assert.equal((await knex('T_revoked_tokens')).length, 0);
    });

    test('is settled for a form and an invitation', async (t) => {
      const { proxy, server } = await openThroughProxy(t, engine);
      const { code } = await invite(server, { scope: 'openid' });
      const { browser, page } = await open(server, code);
      proxy.loseCommit('answer');
      const signedUp = await signUp(browser, page, { username: 'ines', email: 'ines@harbour.example' });
      assert.equal(signedUp.status, 303, await signedUp.text());
      assert.equal((await server.database.knex('T_accounts').where({ username: 'ines' })).length, 1);
      assert.equal((await server.database.knex('T_invitation_redemptions')).length, 1);
    });

    test('is settled for a passkey', async (t) => {
      const { proxy, server } = await openThroughProxy(t, engine, 'localhost');
      const { key } = await newcomer(server, 'ines');
      const client = await server.createClient();
      const { browser, place } = await signInPage(server, client);
      loseCommitOf(server, proxy, 'T_webauthn_credentials');
      const answer = await authenticate(browser, place, key);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
    });

    test('is settled when the database did not get the COMMIT: it is done then, once', async (t) => {
      const { proxy, server } = await openThroughProxy(t, engine);
      const { client, request, code } = await withCode(server);
      proxy.loseCommit('request');
      const first = await redeem(server, client, request, code);
      assert.equal(first.status, 200, JSON.stringify(first.body));
      proxy.loseCommit('request');
      const second = await refresh(server, client, first.body.refresh_token);
      assert.equal(second.status, 200, JSON.stringify(second.body));
      assert.equal((await refresh(server, client, second.body.refresh_token)).status, 200);
      assert.equal((await server.database.knex('T_revoked_tokens')).length, 0);
    });

    test('that cannot be settled within a second is a 503 without Retry-After, at the token endpoint', async (t) => {
      const { proxy, server } = await openThroughProxy(t, engine);
      const { client, request, code } = await withCode(server);
      const bringBack = await loseDatabase(proxy);
      const began = performance.now();
      const answer = await redeem(server, client, request, code);
      assertUnknown(answer, JSON.stringify(answer.body));
      assert.ok(performance.now() - began < 3000, 'the client does not wait long');
      await bringBack();
      const [row] = await server.database.knex('T_authorization_codes').orderBy('id', 'desc').limit(1);
      assert.ok(row.consumed_at, 'it was saved indeed');
    });

    test('that cannot be settled is a page without Retry-After, for a form that changes something', async (t) => {
      const { proxy, server } = await openThroughProxy(t, engine);
      const { code } = await invite(server, { scope: 'openid' });
      const { browser, page } = await open(server, code);
      const bringBack = await loseDatabase(proxy);
      const answer = await signUp(browser, page, { username: 'ines', email: 'ines@harbour.example' });
      const html = await answer.text();
      assertUnknown(answer, html);
      assert.match(html, /It is not known whether this was saved/);
      assert.equal(answer.headers.get('location'), null);
      await bringBack();
    });

    test('leaves a page that only reads as it was: it can be asked for again', async (t) => {
      const { proxy, server } = await openThroughProxy(t, engine);
      const { client, browser } = await withCode(server);
      const bringBack = await loseDatabase(proxy);
      const answer = await browser.get(authorizeUrl(authorization(client, { prompt: 'none' })));
      await bringBack();
      assert.equal(answer.status, 503);
      assert.equal(answer.headers.get('retry-after'), '2');
    });
  });

  describe(`a request of which a part was committed, on ${engine}`, () => {
    test('is a 503 without Retry-After: a repeat would find its code used', async (t) => {
      const { proxy, server } = await openThroughProxy(t, engine);
      const { code } = await invite(server, { scope: 'openid' });
      const { browser, page } = await open(server, code);
      const bringBack = refuseAtCommit(server, proxy, 'T_authorization_requests');
      const answer = await signUp(browser, page, { username: 'ines', email: 'ines@harbour.example' });
      assertUnknown(answer, await answer.text());
      await bringBack();
    });
  });

  describe(`a passkey whose challenge was used up, on ${engine}`, () => {
    test('is a 503 without Retry-After when the rest fails: a repeat would find the challenge used', async (t) => {
      const { proxy, server } = await openThroughProxy(t, engine, 'localhost');
      const { key } = await newcomer(server, 'ines');
      const { browser, place } = await signInPage(server, await server.createClient());
      const options = await post(browser, 'authentication/options', place);
      const bringBack = refuseAtCommit(server, proxy, 'T_webauthn_credentials');
      const answer = await browser.request('/webauthn/authentication/verify', {
        method: 'POST',
        body: JSON.stringify({ ...place, response: key.get(options.body) }),
        headers: { 'content-type': 'application/json', accept: 'application/json', origin: server.issuer },
      });
      assertUnknown(answer, await answer.text());
      await bringBack();
    });
  });

  describe(`a sign-in whose attempt cannot be counted, on ${engine}`, () => {
    test('can be repeated', async (t) => {
      const { proxy, server } = await openThroughProxy(t, engine);
      const client = await server.createClient();
      const person = await server.createAccount();
      const browser = new Browser(server.issuer);
      const page = await browser.follow(await browser.get(authorizeUrl(authorization(client))));
      const { action, fields } = await formOf(page);
      const form = { ...fields, username: person.username, password: 'wrong' };
      const bringBack = refuseAtCommit(server, proxy, 'T_credentials');
      const answer = await browser.post(action, form);
      assert.equal(answer.status, 503);
      assert.equal(answer.headers.get('retry-after'), '2');
      await bringBack();
      let right = await browser.post(action, { ...form, password: person.password });
      for (let tries = 0; right.status === 503 && tries < 5; tries += 1)
        right = await browser.post(action, { ...form, password: person.password });
      assert.equal(right.status, 303);
      assert.equal((await call(server, client, '/token', {})).status, 400);
    });
  });
}
