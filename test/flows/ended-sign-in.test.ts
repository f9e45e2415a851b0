import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl, walk } from '../support/builders/authorization.ts';
import { DESCRIPTION, register } from '../support/builders/registration.ts';
import { PASSWORD, startServer } from '../support/server.ts';

const linkIn = (html: string) => /<a class="btn primary" href="([^"]+)">([^<]+)</.exec(html)?.slice(1);

describe('a sign-in that has ended', () => {
  test('leads back to its application, by name, from the history and when its cookies are gone', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({
      name: 'Fieldnotes',
      clientUri: 'https://fieldnotes.example/start',
    });
    const ada = await server.createAccount();
    const browser = new Browser(server.issuer);
    const request = authorization(client);
    const login = await browser.follow(await browser.get(authorizeUrl(request)));
    const { pathname: path, search } = new URL(login.url);
    const { action, fields } = await formOf(login);
    await browser.follow(
      await browser.post(action, { ...fields, username: ada.username, password: PASSWORD }),
    );

    const back = await browser.get(path);
    assert.equal(back.status, 400);
    const html = await back.text();
    assert.match(html, /<h1>This <span class="whole">sign-in<\/span> has ended<\/h1>/);
    assert.deepEqual(linkIn(html), ['https://fieldnotes.example/start', 'Start again at Fieldnotes']);
    const late = await browser.post(action, { ...fields, username: ada.username, password: PASSWORD });
    assert.deepEqual(linkIn(await late.text()), [
      'https://fieldnotes.example/start',
      'Start again at Fieldnotes',
    ]);
    const resumed = await browser.get(`/auth/${path.split('/').at(-1)}`);
    assert.deepEqual(linkIn(await resumed.text()), [
      'https://fieldnotes.example/start',
      'Start again at Fieldnotes',
    ]);

    const elsewhere = await new Browser(server.issuer).get(`${path}${search}`);
    assert.equal(elsewhere.status, 400);
    assert.equal(linkIn(await elsewhere.text())?.[1], 'Start again at Fieldnotes');
    const unknown = await new Browser(server.issuer).get(`${path}?client_id=unknown`);
    assert.equal(linkIn(await unknown.text()), undefined);
  });

  for (const [registered, expected] of [
    [
      { initiateLoginUri: 'https://fieldnotes.example/login?from=id' },
      /^https:\/\/fieldnotes\.example\/login\?from=id&amp;iss=http/,
    ],
    [{}, /^https:\/\/fieldnotes\.example\/$/],
  ] as const)
    test(`leads to ${JSON.stringify(registered)}`, async (t) => {
      const server = await startServer(t, 'sqlite');
      const client = await server.createClient({
        redirectUris: ['https://fieldnotes.example/cb'],
        ...registered,
      });
      const browser = new Browser(server.issuer);
      await walk(browser, authorization(client), await server.createAccount());
      const ended = await browser.get('/interaction/AAAAAAAAAAAAAAAAAAAAA');
      assert.match(linkIn(await ended.text())?.[0] ?? '', expected);
    });

  for (const [kind, registered] of Object.entries({
    'an own scheme': { public: true, redirectUris: ['org.example.app:/cb'] },
    'a loopback address': { public: true, redirectUris: ['http://127.0.0.1/cb'] },
    'a code to copy': { public: true, displayCode: true, redirectUris: [] },
  }))
    test(`of a program with ${kind} has no link, because its address opens no page`, async (t) => {
      const server = await startServer(t, 'sqlite');
      const client = await server.createClient(registered);
      const browser = new Browser(server.issuer);
      const login = await browser.follow(await browser.get(authorizeUrl(authorization(client))));
      assert.equal(login.status, 200);
      const ended = await browser.get('/interaction/AAAAAAAAAAAAAAAAAAAAA');
      assert.equal(linkIn(await ended.text()), undefined);
    });

  test('of an application that has registered itself shows neither its words nor a link to it', async (t) => {
    const server = await startServer(t, 'sqlite');
    const description = {
      ...DESCRIPTION,
      client_name: 'Latchkey, where your session was interrupted',
      client_uri: 'https://evil.example/sign-in',
      redirect_uris: ['https://evil.example/cb'],
    };
    const { body: client } = await register(server, description);
    const browser = new Browser(server.issuer);
    const login = await browser.follow(await browser.get(authorizeUrl(authorization(client))));
    assert.equal(login.status, 200);
    for (const [visitor, query] of [
      [browser, ''],
      [new Browser(server.issuer), `?client_id=${client.client_id}`],
    ] as const) {
      const ended = await visitor.get(`/interaction/AAAAAAAAAAAAAAAAAAAAA${query}`);
      const html = await ended.text();
      assert.match(html, /has ended/);
      assert.doesNotMatch(html, /evil|interrupted/);
    }
    await server.database
      .knex('T_oauth_clients')
      .where({ client_id: client.client_id })
      .update({ registered_via: 'registration_token' });
    await new Promise((done) => setTimeout(done, 1100));
    const verified = await browser.get('/interaction/AAAAAAAAAAAAAAAAAAAAA');
    assert.equal(linkIn(await verified.text())?.[0], 'https://evil.example/sign-in');
  });

  test('leads to the application that the address names, beside another one that asked later', async (t) => {
    const server = await startServer(t, 'sqlite');
    const [first, second] = [
      await server.createClient({ name: 'Fieldnotes' }),
      await server.createClient({ name: 'Tide tables' }),
    ];
    const browser = new Browser(server.issuer);
    const login = await browser.follow(await browser.get(authorizeUrl(authorization(first))));
    await browser.follow(await browser.get(authorizeUrl(authorization(second))));
    for (const key of browser.cookies.keys())
      if (key.startsWith('/interaction/')) browser.cookies.delete(key);
    const { pathname, search } = new URL(login.url);
    const ended = await browser.get(`${pathname}${search}`);
    assert.equal(linkIn(await ended.text())?.[1], 'Start again at Fieldnotes');
  });

  test('at a step that is over leads to the current one', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const browser = new Browser(server.issuer);
    const client = await server.createClient();
    const login = await browser.follow(await browser.get(authorizeUrl(authorization(client))));
    const { action, fields } = await formOf(login);
    const early = await browser.get(`${action}/second-factor`);
    assert.deepEqual(linkIn(await early.text()), [action, 'Continue']);
    const consent = await formOf(
      await browser.follow(
        await browser.post(action, { ...fields, username: ada.username, password: PASSWORD }),
      ),
    );
    const [path = ''] = /^\/interaction\/[\w-]+/.exec(consent.action) ?? [];
    const over = await browser.get(`${path}/invitation`);
    assert.deepEqual(linkIn(await over.text()), [path, 'Continue']);
    assert.match(await (await browser.get(path)).text(), /<h1>Allow/);
  });

  test('links to the policy and the terms of an application where it asks for consent', async (t) => {
    const server = await startServer(t, 'sqlite');
    const policyUri = 'https://fieldnotes.example/privacy';
    const client = await server.createClient({ policyUri, tosUri: 'https://fieldnotes.example/terms' });
    const browser = new Browser(server.issuer);
    const ada = await server.createAccount();
    const login = await browser.follow(await browser.get(authorizeUrl(authorization(client))));
    const { action, fields } = await formOf(login);
    const typed = { ...fields, username: ada.username, password: PASSWORD };
    const consent = await (await browser.follow(await browser.post(action, typed))).text();
    assert.match(consent, /<a href="https:\/\/fieldnotes\.example\/privacy"[^>]*>privacy policy<\/a> and <a/);
  });

  test('refuses addresses that are no page of an application', async (t) => {
    const server = await startServer(t, 'sqlite');
    for (const links of [
      { clientUri: 'javascript:alert(1)' },
      { policyUri: '/relative' },
      { tosUri: 'fieldnotes.example' },
      { initiateLoginUri: 'http://fieldnotes.example/' },
    ])
      await assert.rejects(async () => server.createClient(links), { code: 'fields_invalid' });
  });
});
