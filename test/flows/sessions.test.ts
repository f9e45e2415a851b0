import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toDate } from '../../src/database/instants.ts';
import { Browser } from '../support/browser.ts';
import { signInWith } from '../support/builders/authorization.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { writeGeoipFile } from '../support/geoip-file.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const SESSIONS = '/account/sessions';
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const SAFARI =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15';

/** A browser that names itself and its address in every request. */
class NamedBrowser extends Browser {
  readonly headers: Record<string, string>;
  constructor(origin: string, headers: Record<string, string>) {
    super(origin);
    this.headers = headers;
  }
  override request(url: string, init: RequestInit = {}): Promise<Response> {
    return super.request(url, { ...init, headers: { ...(init.headers as object), ...this.headers } });
  }
}

const using = (server: TestServer, agent: string, ip = '192.0.2.1') =>
  new NamedBrowser(server.issuer, { 'user-agent': agent, 'x-forwarded-for': ip });

/** The values of the buttons that end one session. */
const listedIds = async (browser: Browser) =>
  [...(await (await browser.get(SESSIONS)).text()).matchAll(/name="session" value="([\w-]{36})"/g)].map(
    ([, id]) => String(id),
  );

const isSignedIn = async (browser: Browser) => (await browser.get(SESSIONS)).status === 200;

/** Sends the form that ends that session, or `others`. */
async function end(browser: Browser, session: string): Promise<Response> {
  const html = await (await browser.get(SESSIONS)).text();
  const csrf = /name="csrf" value="([^"]+)"/.exec(html)?.[1];
  return browser.post(`${SESSIONS}/end`, { csrf: String(csrf), session });
}

describe('the page of sessions', () => {
  test('names each browser, where it is, how and when it was used, and which one it is', async (t) => {
    const geoipFile = writeGeoipFile(t, '203.0.113.9', 'Lisbon', 'Portugal');
    const server = await startServer(t, 'sqlite', { config: { trustProxy: 1, geoipFile } });
    const ada = await server.createAccount();
    await visit(server, ada, SESSIONS, using(server, SAFARI, '203.0.113.9'));
    const { page } = await visit(server, ada, SESSIONS, using(server, FIREFOX));
    const text = await textOf(page);
    assert.match(
      text,
      /Firefox on Linux This browser 192\.0\.2\.1 \. Signed in today, \d\d:\d\d , with a password\. Active now/,
    );
    assert.match(
      text,
      /Safari on macOS Lisbon, Portugal \. Signed in today, \d\d:\d\d , with a password\. Last active/,
    );
    assert.ok(text.indexOf('Firefox') < text.indexOf('Safari'), 'its own session comes first');
  });

  test('signs out one other browser, and then all others', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, SESSIONS);
    const others: Browser[] = [];
    for (let count = 0; count < 3; count += 1) others.push((await visit(server, ada, SESSIONS)).browser);
    const [first = ''] = await listedIds(browser);
    const done = await browser.follow(await end(browser, first));
    assert.match(await textOf(done), /That browser is signed out/);
    const left = await Promise.all(others.map(isSignedIn));
    assert.equal(left.filter(Boolean).length, 2, 'only one');
    const all = await browser.follow(await end(browser, 'others'));
    assert.match(await textOf(all), /You are signed out everywhere else/);
    assert.deepEqual(await Promise.all(others.map(isSignedIn)), [false, false, false]);
    assert.equal(await isSignedIn(browser), true);
    const events = await server.database.knex('T_auth_audit_log').where({ action: 'session.ended' });
    assert.equal(events.length, 3);
    assert.ok(events.every(({ account_id, actor_id }) => account_id === ada.id && actor_id === ada.id));
  });

  test('shows and ends no session of another account', async (t) => {
    const server = await startServer(t, 'sqlite');
    const [ada, eve] = [await server.createAccount(), await server.createAccount('eve')];
    const victim = await visit(server, ada, SESSIONS);
    const { id, uid } = await server.database.knex('T_user_sessions').first();
    await visit(server, eve, SESSIONS);
    const { browser } = await visit(server, eve, SESSIONS);
    assert.equal((await listedIds(browser)).length, 1, 'her own other session');
    for (const guess of [id, uid, '', "' OR 1=1 --", 'x'.repeat(5000)])
      assert.equal((await end(browser, guess)).status, 404, guess.slice(0, 40));
    await end(browser, 'others');
    assert.equal(await isSignedIn(victim.browser), true);
  });

  test('ends the tokens of that session, and leaves access that lasts beyond it', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const away = await server.createClient({ name: 'Away' });
    const ada = await server.createAccount();
    const bound = await signInWith(server, client, ada);
    const kept = await signInWith(server, away, ada, { scope: 'openid offline_access' }, bound.browser);
    const { browser } = await visit(server, ada, SESSIONS);
    await end(browser, 'others');
    const me = async ({ tokens }: typeof bound) =>
      (
        await fetch(`${server.issuer}/me`, {
          headers: { authorization: `Bearer ${tokens.body.access_token}` },
        })
      ).status;
    assert.deepEqual([await me(bound), await me(kept)], [401, 200]);
  });

  test('records the use of a session after the response, and at most once in five minutes', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { browser } = await visit(server, await server.createAccount(), SESSIONS);
    await server.settled();
    const sessions = () => server.database.knex('T_user_sessions');
    const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);
    const usedAt = async () => toDate((await sessions().first()).last_used_at).getTime();
    const second = await startServer(t, 'sqlite', {
      storage: server.storage,
      config: { issuer: server.issuer },
    });
    const elsewhere = new Browser(`http://127.0.0.1:${second.config.port}`, server.issuer);
    for (const [key, cookie] of browser.cookies) elsewhere.cookies.set(key, cookie);
    const visitSecond = async () => {
      await elsewhere.get(SESSIONS);
      await second.settled();
    };
    await sessions().update({ last_used_at: minutesAgo(4) });
    await visitSecond();
    assert.ok((await usedAt()) < minutesAgo(3).getTime(), 'less than five minutes ago');
    await sessions().update({ last_used_at: minutesAgo(60) });
    await visitSecond();
    assert.ok((await usedAt()) < minutesAgo(3).getTime(), 'this server has looked a moment ago');
    await browser.get(SESSIONS);
    await server.settled();
    assert.ok((await usedAt()) < minutesAgo(3).getTime(), 'as has the first one');
  });

  test('the command lists sessions, and ends one or all of an account', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const browsers = [
      (await visit(server, ada, SESSIONS)).browser,
      (await visit(server, ada, SESSIONS)).browser,
    ];
    const { url } = server.storage;
    const listed = JSON.parse(
      (await latchkey(['session', 'list', '--account', 'ada', '--json'], { url })).stdout,
    );
    assert.equal(listed.length, 2);
    assert.deepEqual(listed[0].amr, ['pwd']);
    assert.doesNotMatch(JSON.stringify(listed), /token_hash|payload|uid/);
    const one = await latchkey(['session', 'end', listed[0].id, '--json'], { url });
    assert.deepEqual(JSON.parse(one.stdout), { ended: 1 });
    const again = await latchkey(['session', 'end', listed[0].id], { url });
    assert.deepEqual([again.code, /There is no such session/.test(again.stderr)], [1, true]);
    assert.equal((await Promise.all(browsers.map(isSignedIn))).filter(Boolean).length, 1);
    assert.equal(
      (await latchkey(['session', 'end', '--account', 'ada'], { url })).stdout,
      '1 session has ended.\n',
    );
    assert.match((await latchkey(['session', 'end'], { url })).stderr, /Name one session/);
    assert.equal((await latchkey(['session', 'list'], { url })).stdout, 'Nobody is signed in.\n');
  });
});

test('a GeoIP file that is damaged, or that is gone, hides places and breaks no page', async (t) => {
  const server = await startServer(t, 'sqlite', { config: { geoipFile: '/dev/null' } });
  const { page } = await visit(server, await server.createAccount(), SESSIONS);
  assert.match(await textOf(page), /127\.0\.0\.1/);
});
