import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unavailable } from '../../src/kit/errors.ts';
import { Browser, formOf } from '../support/browser.ts';
import { answerOf, authorization, authorizeUrl, walk } from '../support/builders/authorization.ts';
import { withoutOwnScript } from '../support/page-script.ts';
import { PASSWORD, startServer, type TestServer } from '../support/server.ts';

const OPERATOR = { accountId: null };

async function loginPage(server: TestServer, browser = new Browser(server.issuer), name = 'Fieldnotes') {
  const client = await server.createClient({ name });
  const page = await browser.follow(await browser.get(authorizeUrl(authorization(client))));
  return { browser, client, page, ...(await formOf(page)) };
}

test('a sign-in form without its token, with another one or from another site is refused', async (t) => {
  const server = await startServer(t, 'sqlite');
  await server.createAccount();
  const { browser, action, fields } = await loginPage(server);
  const foreign = await loginPage(server);
  const person = { username: 'ada', password: PASSWORD };
  const attempts = [
    () => browser.post(action, person),
    () => browser.post(action, { ...person, csrf: '' }),
    () => browser.post(action, { ...person, csrf: String(foreign.fields.csrf) }),
    () => browser.post(action, { ...person, ...fields }, { origin: 'https://evil.example' }),
    () => browser.post(action, { ...person, ...fields }, { origin: 'null' }),
    () => browser.post(action, { ...person, ...fields }, { 'sec-fetch-site': 'cross-site' }),
    () => browser.post(action, { ...person, ...fields }, { 'content-type': 'text/plain' }),
    () => browser.post(action, { ...person, ...fields }, { 'content-type': 'application/json' }),
    () => browser.post(action, {}),
  ];
  for (const [index, attempt] of attempts.entries()) {
    const response = await attempt();
    assert.equal(response.status, 403, String(index));
    assert.equal(response.headers.get('location'), null);
    assert.match(String(response.headers.get('content-security-policy')), /frame-ancestors 'none'/);
  }
  assert.equal((await server.database.knex('T_user_sessions').whereNotNull('account_id')).length, 0);
  assert.equal((await browser.post(action, { ...person, ...fields })).status, 303, 'its own form works');
});

test('an interaction opened or answered in another browser is refused', async (t) => {
  const server = await startServer(t, 'sqlite');
  await server.createAccount();
  const { action, fields } = await loginPage(server);
  for (const stranger of [new Browser(server.issuer), (await loginPage(server)).browser]) {
    assert.equal((await stranger.get(action)).status, 400);
    const posted = await stranger.post(action, { ...fields, username: 'ada', password: PASSWORD });
    assert.equal(posted.status, 400);
    assert.equal(posted.headers.get('location'), null);
  }
});

test('steps cannot be skipped, and Back after the end shows where to go', async (t) => {
  const server = await startServer(t, 'sqlite');
  const person = await server.createAccount();
  const { browser, action, fields } = await loginPage(server);
  const jump = await browser.post(action, { ...fields, decision: 'allow' });
  assert.equal(jump.status, 401);
  const early = await loginPage(server);
  const resumed = await early.browser.get(early.action.replace('/interaction/', '/auth/'));
  assert.ok(!String(resumed.headers.get('location')).includes('code='));
  const signedIn = await browser.follow(
    await browser.post(action, { ...fields, username: person.username, password: person.password }),
  );
  const consent = await formOf(signedIn);
  const end = await browser.follow(
    await browser.post(consent.action, { ...consent.fields, decision: 'allow' }),
  );
  assert.ok(answerOf(end).get('code'));
  for (const old of [action, consent.action]) {
    const back = await browser.get(old);
    assert.equal(back.status, 400);
    assert.match(await back.text(), /Go back to the application/);
  }
});

test('an unknown, a known and a disabled account get the same bytes, headers and cookies', async (t) => {
  const server = await startServer(t, 'sqlite');
  await server.createAccount('ada');
  await server.createAccount('bob');
  await server.accounts.disable(OPERATOR, 'bob');
  const seen = [];
  const { browser, action, fields } = await loginPage(server);
  for (const username of ['ada', 'bob', 'eve']) {
    const password = username === 'bob' ? PASSWORD : 'not the password';
    const response = await browser.post(action, { ...fields, username, password });
    const html = (await response.text())
      .replaceAll(username, 'USER')
      .replaceAll(String(fields.csrf), 'CSRF')
      .replaceAll(action, 'ACTION');
    const headers = [...response.headers].filter(([name]) => name !== 'x-request-id' && name !== 'date');
    seen.push({ status: response.status, html, headers });
  }
  assert.equal(seen[0]?.status, 401);
  assert.deepEqual(seen[1], seen[0]);
  assert.deepEqual(seen[2], seen[0]);
});

test('a sign-in changes the session id', async (t) => {
  const server = await startServer(t, 'sqlite');
  const person = await server.createAccount();
  const client = await server.createClient();
  const browser = new Browser(server.issuer);
  await walk(browser, authorization(client), person);
  const before = browser.cookies.get('/ latchkey_session')?.value;
  assert.ok(before);
  await walk(browser, authorization(client, { prompt: 'login' }), person);
  assert.notEqual(browser.cookies.get('/ latchkey_session')?.value, before);
});

test('after an outage during a sign-in, no failure is called a wrong password, of a known account or not', async (t) => {
  const server = await startServer(t, 'sqlite');
  await server.createAccount();
  const { browser, action, fields } = await loginPage(server);
  const { driver } = server.database;
  const commit = driver.commit.bind(driver);
  let left = 2;
  driver.commit = (writes) =>
    left-- > 0 ? commit(writes) : Promise.reject(unavailable(new Error('gone after the attempt had begun')));
  const signIn = (username: string, password: string) =>
    browser.post(action, { ...fields, username, password });
  assert.equal((await signIn('ada', PASSWORD)).status, 503);
  driver.commit = commit;
  for (const username of ['ada', 'nobody']) {
    const answer = await signIn(username, 'wrong');
    assert.equal(answer.status, 503);
    assert.match(String(answer.headers.get('retry-after')), /^1[0-5]$/);
    assert.match(await answer.text(), /may refuse the right password\. Try again in 1\d seconds/);
  }
  assert.equal((await signIn('ada', PASSWORD)).status, 303);
});

test('no name, username, scope or state becomes markup on any page', async (t) => {
  const server = await startServer(t, 'sqlite');
  const evil = `"><img src=x onerror=alert(1)><script>alert(1)</script>'`;
  const { page, browser, action, fields, html } = await loginPage(server, undefined, evil);
  const failed = await browser.post(action, { ...fields, username: evil, password: 'x' });
  const code = await browser.get(`/code?${new URLSearchParams({ code: evil, error: evil, state: evil })}`);
  const error = await browser.get(
    `/auth?${new URLSearchParams({ client_id: evil, scope: evil, state: evil })}`,
  );
  const pages = [html, ...(await Promise.all([failed, code, error].map((one) => one.text())))];
  for (const text of pages) assert.ok(!/<img|<script/i.test(withoutOwnScript(text)), text);
  for (const one of [page, failed, code, error])
    assert.doesNotMatch(String(one.headers.get('content-security-policy')), /unsafe-inline/);
});

test('behind https every cookie is Secure, HttpOnly, SameSite and prefixed, and HSTS is sent', async (t) => {
  const server = await startServer(t, 'sqlite', { config: { issuer: 'https://id.harbour.example' } });
  const client = await server.createClient();
  const url = `http://127.0.0.1:${server.config.port}${authorizeUrl(authorization(client))}`;
  const headers = { 'x-forwarded-host': 'id.harbour.example' };
  const response = await fetch(url, { headers, redirect: 'manual' });
  assert.match(String(response.headers.get('strict-transport-security')), /max-age=\d{8}/);
  assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
  const cookies = response.headers.getSetCookie();
  assert.ok(cookies.length > 0);
  for (const cookie of cookies) {
    assert.match(cookie, /^__(Host|Secure)-latchkey_/);
    for (const flag of [/; secure/i, /; httponly/i, /; samesite=lax/i]) assert.match(cookie, flag);
    assert.ok(!/; domain=/i.test(cookie));
  }
});
