import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Browser, formOf } from '../support/browser.ts';
import { signInWith } from '../support/builders/authorization.ts';
import { invite, open, signUp } from '../support/builders/invitation.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { startServer, type TestServer } from '../support/server.ts';

const PROFILE = '/account/profile';
const EMPTY = { name: '', given_name: '', family_name: '', locale: '', zoneinfo: '', theme: '' };

const tokenOf = (html: string, action: string) =>
  String(
    new RegExp(`action="${action}">\\s*<input type="hidden" name="csrf" value="([^"]+)"`).exec(html)?.[1],
  );

async function save(browser: Browser, fields: Record<string, string>): Promise<Response> {
  const csrf = tokenOf(await (await browser.get(PROFILE)).text(), PROFILE);
  return browser.post(PROFILE, { ...EMPTY, ...fields, csrf });
}

async function rename(browser: Browser, username: string): Promise<Response> {
  const csrf = tokenOf(await (await browser.get(PROFILE)).text(), `${PROFILE}/username`);
  return browser.post(`${PROFILE}/username`, { csrf, username });
}

const begin = async (t: Parameters<typeof startServer>[0]) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount();
  return { server, ada, ...(await visit(server, ada, PROFILE)) };
};

const setClock = (server: TestServer, days: number) =>
  server.database
    .knex('T_reserved_usernames')
    .update({ expires_at: new Date(Date.now() + (90 - days) * 86_400_000) });

describe('the profile', () => {
  test('changes names, language and time zone, which applications get as claims', async (t) => {
    const { server, ada, browser } = await begin(t);
    const mine = {
      name: 'Ada Okafor',
      given_name: 'Ada',
      family_name: 'Okafor',
      locale: 'pt-BR',
      zoneinfo: 'Asia/Tokyo',
    };
    const before = await server.database.knex('T_accounts').first('updated_at');
    const saved = await browser.follow(await save(browser, mine));
    const html = await saved.clone().text();
    assert.match(await textOf(saved), /Your profile was changed/);
    assert.match(html, /<option value="pt-BR" selected>Português/);
    assert.match(html, /<option selected>Asia\/Tokyo</);
    const client = await server.createClient({ firstParty: true });
    const { tokens } = await signInWith(server, client, ada, { scope: 'openid profile' });
    const me = await fetch(`${server.issuer}/me`, {
      headers: { authorization: `Bearer ${tokens.body.access_token}` },
    });
    const claims = (await me.json()) as Record<string, unknown>;
    for (const [name, value] of Object.entries(mine)) assert.equal(claims[name], value, name);
    assert.equal(typeof claims.updated_at, 'number');
    assert.notDeepEqual(await server.database.knex('T_accounts').first('updated_at'), before);
    const event = await server.database.knex('T_auth_audit_log').where({ action: 'account.updated' }).first();
    assert.deepEqual(JSON.parse(event.details).changed, Object.keys(mine));
    assert.equal(event.actor_id, ada.id);

    await save(browser, {});
    const row = await server.database.knex('T_accounts').where({ id: ada.id }).first();
    assert.deepEqual([row.name, row.given_name, row.locale, row.zoneinfo], [null, null, null, null]);
  });

  test('shows instants in the time zone, and pages in the look, that were chosen', async (t) => {
    const { browser } = await begin(t);
    const pageOf = async (path: string) => (await browser.get(path)).text();
    assert.match(await pageOf('/account/sessions'), /title="[^"]+ UTC">.*Times are in <a [^>]+>UTC</s);
    assert.match(await pageOf('/account/sessions'), /<html lang="en">/);
    await save(browser, { zoneinfo: 'Asia/Kolkata', theme: 'dark' });
    for (const path of ['/account/sessions', '/account/activity', '/account/security']) {
      const html = await pageOf(path);
      assert.match(html, /<html lang="en" data-theme="dark">/, path);
      assert.doesNotMatch(html, /UTC/, path);
    }
    assert.match(
      await pageOf('/account/sessions'),
      /title="[^"]+ GMT\+5:30">today, \d\d:\d\d<\/time>.*Times are in <a [^>]+>Asia\/Kolkata</s,
    );
    assert.match(await pageOf('/'), /data-theme="dark"/);
    await save(browser, { theme: '' });
    assert.match(await pageOf('/'), /<html lang="en">/);
  });

  test('refuses what is no name, language, time zone or look, and keeps what was typed', async (t) => {
    const { server, browser } = await begin(t);
    const wrong: [Record<string, string>, RegExp][] = [
      [{ name: 'a\u202eb' }, /A name must not contain control characters/],
      [{ family_name: 'x'.repeat(256) }, /A family name can have at most 255 characters/],
      [{ locale: '"><script>' }, /A locale is a language tag/],
      [{ zoneinfo: '../etc/passwd' }, /A time zone is a name of the IANA database/],
      [{ zoneinfo: '+01:00' }, /A time zone is a name/],
      [{ theme: 'blinking' }, /Choose one of the looks/],
    ];
    for (const [fields, message] of wrong) {
      const page = await save(browser, { given_name: 'Kept', ...fields });
      assert.equal(page.status, 400, JSON.stringify(fields));
      const html = await page.clone().text();
      assert.match(html, /<title>Error: /);
      assert.match(html, /value="Kept"/);
      assert.match(await textOf(page), message);
    }
    const row = await server.database.knex('T_accounts').first();
    assert.deepEqual([row.given_name, row.name], [null, null]);
  });

  test('ignores every field that its forms do not have', async (t) => {
    const { server, ada, browser } = await begin(t);
    const eve = await server.createAccount('eve');
    const more = {
      id: eve.id,
      account_id: eve.id,
      scopes: '["*:*"]',
      email: 'x@x.example',
      is_active: '0',
      picture: 'https://x',
    };
    await save(browser, { name: 'Ada', ...more, __proto__: 'x' });
    const [mine, hers] = await server.database.knex('T_accounts').orderBy('username');
    assert.deepEqual(
      [mine.name, mine.scopes, mine.email, mine.picture],
      ['Ada', JSON.stringify(ada.scopes), ada.email, null],
    );
    assert.equal(hers.name, null);
  });
});

describe('the username', () => {
  test('is changed, also where its owner signs in, and the earlier one stays reserved for 90 days', async (t) => {
    const { server, ada, browser } = await begin(t);
    assert.match(
      await textOf(await browser.follow(await rename(browser, ' Ada.Okafor '))),
      /Your username was changed/,
    );
    const mail = await server.sink.to('ada@harbour.example');
    assert.match(JSON.stringify(mail), /The username of your account was changed/);
    const again = await visit(server, { username: 'ada.okafor', password: ada.password }, PROFILE);
    assert.equal(again.page.status, 200);
    const stranger = await server.createAccount('eve');
    const eve = await visit(server, stranger, PROFILE);
    const refused = await rename(eve.browser, 'ada');
    assert.equal(refused.status, 400);
    assert.match(await textOf(refused), /This username is taken/);
    await assert.rejects(server.createAccount('ada'), /taken/);
    const offer = await open(server, (await invite(server)).code);
    const signedUp = await signUp(offer.browser, offer.page, { username: 'ada' });
    assert.match(await textOf(signedUp), /taken/);

    await setClock(server, 89);
    assert.equal((await rename(eve.browser, 'ada')).status, 400);
    await setClock(server, 91);
    assert.equal((await rename(eve.browser, 'ada')).status, 303);
  });

  test('can be taken back by the account that had it', async (t) => {
    const { server, browser } = await begin(t);
    await rename(browser, 'lovelace');
    assert.equal((await rename(browser, 'ada')).status, 303);
    const reserved = await server.database.knex('T_reserved_usernames').pluck('username');
    assert.deepEqual(reserved, ['lovelace']);
  });

  test('is changed at most five times in 90 days, so that nobody reserves many', async (t) => {
    const { server, browser } = await begin(t);
    for (let count = 1; count <= 5; count += 1)
      assert.equal((await rename(browser, `ada${count}`)).status, 303);
    const refused = await rename(browser, 'ada6');
    assert.equal(refused.status, 409);
    assert.match(await textOf(refused), /too often/);
    assert.equal((await server.database.knex('T_reserved_usernames')).length, 5);
    assert.equal((await server.database.knex('T_accounts').first()).username, 'ada5');
  });

  test('does not tell without a limit who has an account', async (t) => {
    const { server, browser } = await begin(t);
    await server.createAccount('eve');
    const csrf = tokenOf(await (await browser.get(PROFILE)).text(), `${PROFILE}/username`);
    const statuses = new Set<number>();
    for (let count = 0; count < 52; count += 1)
      statuses.add((await browser.post(`${PROFILE}/username`, { csrf, username: 'eve' })).status);
    assert.deepEqual([...statuses], [400, 429]);
  });

  test('must follow the rules of usernames, before anybody signs in again for it', async (t) => {
    const { browser } = await begin(t);
    for (const username of ['', 'a b', 'ada@harbour.example', 'x'.repeat(256), 'аda', '"><script>']) {
      const page = await rename(browser, username);
      const html = await page.clone().text();
      assert.doesNotMatch(html, /<script/);
      if (username === '"><script>') continue;
      assert.equal(page.status, 400, username);
      assert.match(html, /aria-invalid="true"/);
    }
  });

  test('of an account without a password is changed as well', async (t) => {
    const { server, ada, browser } = await begin(t);
    await server.database.knex('T_credentials').where({ account_id: ada.id }).delete();
    assert.equal((await rename(browser, 'lovelace')).status, 303);
    const form = await formOf(await browser.get(PROFILE));
    assert.match(form.html, /name="username"[^>]* value="lovelace"/);
  });
});
