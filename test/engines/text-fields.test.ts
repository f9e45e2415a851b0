import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runChecks } from '../../src/app/doctor.ts';
import { ROUTES } from '../../src/web/routes.ts';
import { Browser } from '../support/browser.ts';
import { authorization, walk } from '../support/builders/authorization.ts';
import { invite, open, signUp } from '../support/builders/invitation.ts';
import { accountPlace, type Place, placeOf, post, signInPage } from '../support/builders/passkey.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** Texts that no column can hold as they are. */
const UNSTORABLE = { NUL: 'a\0b', 'half of a surrogate pair': 'a\ud800b', '1 MB': 'a'.repeat(1_000_000) };

/** The same, as the value of a form. The second is the half of a surrogate pair in three bytes, which is not UTF-8. */
const UNSTORABLE_IN_FORMS = { NUL: 'a%00b', surrogate: 'a%ED%A0%80b', '1 MB': 'a'.repeat(1_000_000) };

const isRefused = (status: number) => status >= 400 && status < 500;

const countAccounts = async ({ database }: TestServer) => (await database.knex('T_accounts')).length;

async function signUpAs(server: TestServer, username: string): Promise<Response> {
  const { code } = await invite(server);
  const { browser, page } = await open(server, code);
  return signUp(browser, page, { username });
}

for (const engine of engines) {
  describe(`text fields on ${engine}`, () => {
    test('a username cannot be the e-mail address of another account, in a form, in JSON or at the command line', async (t) => {
      const server = await startServer(t, engine);
      await server.createAccount('mei');
      for (const username of ['mei@harbour.example', 'MEI\uff20harbour.example', '@mei']) {
        const page = await signUpAs(server, username);
        assert.equal(page.status, 400, username);
        assert.match(await page.text(), /A username must not contain @/);
        const { code } = await invite(server);
        const opened = await open(server, code);
        const place = await placeOf(opened.page);
        const asked = await post(opened.browser, 'registration/options', { ...place, fields: { username } });
        assert.equal(asked.status, 400, username);
        await assert.rejects(
          server.services.accounts.create(
            { accountId: null },
            { username, password: 'four quiet harbour lamps' },
          ),
          /A username must not contain @/,
        );
      }
      assert.equal(await countAccounts(server), 1);
    });

    test('a username has the letters of one alphabet, and East Asian ones beside Latin letters', async (t) => {
      const server = await startServer(t, engine);
      for (const username of ['p\u0430ypal', '\u03bfmega-latin', 'ada\ufffd', '\u13aada']) {
        assert.equal((await signUpAs(server, username)).status, 400, username);
      }
      for (const username of ['борис', 'ελένη', 'ada-2', '田中taro', 'たなかケン', '김철수', 'josé']) {
        assert.equal((await signUpAs(server, username)).status, 303, username);
      }
      assert.equal(await countAccounts(server), 7);
    });

    test('a username that looks like another one because of marks or signs is refused', async (t) => {
      const server = await startServer(t, engine);
      const lookalikes = {
        'a dot on a letter that has one': ['mi\u0307ke', 'm\u0130ke', 'mi\u0323\u0307ke'],
        'a mark twice': ['mik\u0435\u0301\u0301', 'mike\u0323\u0323', `a${'\u0301\u0302'.repeat(3)}`],
        'a mark of another alphabet': ['mike\u0345', 'mike\u1cd0', '\u0301mike'],
        'a hyphen, dot or sign that no keyboard has': [
          'ada\u2010b',
          'ada\u2212b',
          'ada\u2027b',
          'ada\u2019',
          'ada\u02d0b\u2800',
        ],
        'a letter of phonetic transcription': [
          '\u0261race',
          'p\u0251ul',
          '\u01c0ee',
          '\ua731am',
          'g\u1d20en',
        ],
      };
      for (const [why, usernames] of Object.entries(lookalikes))
        for (const username of usernames)
          assert.equal((await signUpAs(server, username)).status, 400, `${why}: ${JSON.stringify(username)}`);
      assert.equal(await countAccounts(server), 0);
      for (const username of [
        "o'neil",
        '\u0253\u025bla',
        '\u0131\u015f\u0131k',
        'col\u00b7lega',
        'ngu\u1ec5n',
        'क\u093f',
        'tiếng.việt',
      ])
        assert.equal((await signUpAs(server, username)).status, 303, username);
    });

    test('a username in letters of another width or style is the same username', async (t) => {
      const server = await startServer(t, engine);
      await server.createAccount('ada');
      for (const username of ['\uff41\uff44\uff41', '\u{1d41a}\u{1d41d}\u{1d41a}', '\u24d0\u24d3\u24d0'])
        assert.match(await (await signUpAs(server, username)).text(), /is taken/, username);
    });

    test('an older account whose username is an e-mail address keeps working, and doctor names it', async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      const eve = await server.createAccount('eve');
      await server.createAccount('mei');
      const username = 'mei@harbour.example';
      await knex('T_accounts').where({ id: eve.id }).update({ username });
      await knex('T_credentials').where({ account_id: eve.id }).update({ username });
      const client = await server.createClient();
      const end = await walk(new Browser(server.issuer), authorization(client), { ...eve, username });
      assert.match(String(end.headers.get('location')), /code=/);
      const findings = await runChecks(server.config, server.database);
      const finding = findings.find(({ check }) => check === 'usernames');
      assert.equal(finding?.ok, false);
      assert.match(String(finding?.says), /^mei@harbour\.example: /);
    });

    test('NUL, half of a surrogate pair and 1 MB are refused in every member of JSON, and nothing is stored', async (t) => {
      const server = await startServer(t, engine);
      const ada = await server.createAccount();
      const client = await server.createClient();
      const browser = new Browser(server.issuer);
      await walk(browser, authorization(client), ada);
      const account = await accountPlace(server, ada.id);
      const sides: [Browser, Place][] = [[browser, account]];
      const visitor = await signInPage(server, client);
      sides.push([visitor.browser, visitor.place]);
      const { code } = await invite(server);
      const guest = await open(server, code);
      sides.push([guest.browser, await placeOf(guest.page)]);
      const { knex } = server.database;
      const rows = async () => [await countAccounts(server), (await knex('T_webauthn_challenges')).length];
      const before = await rows();
      for (const [side, place] of sides)
        for (const [name, text] of Object.entries(UNSTORABLE))
          for (const path of ['registration', 'authentication'].flatMap((of) => [
            `${of}/options`,
            `${of}/verify`,
          ]))
            for (const member of [
              'csrf',
              'interaction',
              'purpose',
              'ceremony',
              'key',
              'fields',
              'response',
            ]) {
              if (name === '1 MB' && (member !== 'fields' || engine !== 'sqlite')) continue;
              const bodies: unknown[] = [{ ...place, [member]: text }];
              if (['fields', 'response'].includes(member))
                bodies.push({ ...place, [member]: { username: text, id: text, response: { a: text } } });
              bodies.push({ ...place, purpose: 'sign_key', [member]: text }, { ...place, [text]: member });
              for (const body of bodies) {
                const { status } = await post(side, path, body);
                assert.ok(isRefused(status), `${path} ${member} ${name}: ${status}`);
              }
            }
      assert.deepEqual(await rows(), before);
    });

    test('NUL, half of a surrogate pair and 1 MB are refused in every form, and nothing is stored', async (t) => {
      const server = await startServer(t, engine);
      const ada = await server.createAccount('ada', '*:*');
      const browser = new Browser(server.issuer);
      await walk(browser, authorization(await server.createClient()), ada);
      const paths = ROUTES.filter(({ servedBy, form }) => servedBy === 'pages' && form === 'same-origin');
      for (const { path } of paths)
        for (const [name, text] of Object.entries(UNSTORABLE_IN_FORMS)) {
          // It is refused before the database is asked.
          if (name === '1 MB' && engine !== 'sqlite') continue;
          for (const body of [`csrf=${text}`, `csrf=x&username=${text}&key=${text}`, `${text}=x`]) {
            const headers = { origin: server.issuer, 'content-type': 'application/x-www-form-urlencoded' };
            const at = path.replace(/:\w+/g, 'abc');
            const { status } = await browser
              .request(at, { method: 'POST', body, headers })
              // The server may close the connection before the whole body is sent.
              .catch(() => ({ status: 413 }));
            assert.ok(isRefused(status), `${path} ${name}: ${status}`);
          }
        }
      assert.equal(await countAccounts(server), 1);
    });

    test('NUL and broken UTF-8 are refused in every address', async (t) => {
      const server = await startServer(t, engine);
      const ada = await server.createAccount('ada', '*:*');
      const browser = new Browser(server.issuer);
      await walk(browser, authorization(await server.createClient()), ada);
      for (const { path } of ROUTES)
        for (const text of ['a%00b', 'a%ED%A0%80b']) {
          const named = path.replace(/:\w+/g, text);
          for (const at of [`${named}?search=${text}&after=${text}&code=${text}`, `${named}?${text}=x`])
            assert.equal((await browser.get(at)).status, 400, at);
        }
    });
  });
}
