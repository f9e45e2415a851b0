import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClientInput } from '../../src/oidc/clients/input.ts';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  refresh,
  signInWith,
} from '../support/builders/authorization.ts';
import { arrive, decide, listedOn } from '../support/builders/consent.ts';
import { openLink, resetLink, send } from '../support/builders/password-reset.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const OPERATOR = { accountId: null };
const OFFLINE = { scope: 'openid offline_access' };
const SIGNED_IN = 'Know who you are when you sign in, and your roles in this application';
const PROFILE = 'See your name, username, language, time zone and picture';
const EMAIL = 'See your e-mail address';

type Person = Awaited<ReturnType<TestServer['createAccount']>>;
type Client = Awaited<ReturnType<TestServer['createClient']>>;

async function begin(t: Parameters<typeof startServer>[0], input: Partial<ClientInput> = {}) {
  const server = await startServer(t, 'sqlite');
  return { server, client: await server.createClient(input), ada: await server.createAccount() };
}

/** Signs in from a new browser. @returns the consent page, or the redirect to the application */
async function arriveAnew(
  server: TestServer,
  client: Client,
  person: { username: string; password: string },
  params: Record<string, string> = {},
) {
  const browser = new Browser(server.issuer);
  const request = authorization(client, params);
  return { browser, request, page: await arrive(browser, request, person) };
}

const isAsked = async (...input: Parameters<typeof arriveAnew>) => {
  const { page } = await arriveAnew(...input);
  return !page.headers.has('location');
};

describe('remembered consent', () => {
  test('a new session is asked only for what is new, and by name', async (t) => {
    const { server, client, ada } = await begin(t);
    const first = await arriveAnew(server, client, ada, { scope: 'openid profile' });
    assert.deepEqual(await listedOn(first.page), { asked: [SIGNED_IN, PROFILE], before: [] });
    await decide(first.browser, first.page, 'allow');
    assert.equal(await isAsked(server, client, ada, { scope: 'profile openid' }), false);
    assert.equal(await isAsked(server, client, ada, { scope: 'openid' }), false);

    const more = await arriveAnew(server, client, ada, { scope: 'openid profile email' });
    assert.deepEqual(await listedOn(more.page), { asked: [EMAIL], before: [SIGNED_IN, PROFILE] });
    const html = await more.page.clone().text();
    assert.match(html, /It will also be able to/);
    assert.match(html, /It has no access while you are away/);
    assert.equal((await server.database.knex('T_grants')).length, 3, 'nothing is granted before the answer');
    const answer = answerOf(await decide(more.browser, more.page, 'allow'));
    const { body } = await redeem(server, client, more.request, answer.get('code'));
    assert.equal(body.scope, 'openid profile email');
    assert.equal(await isAsked(server, client, ada, { scope: 'openid profile email' }), false);
  });

  test('another account and another application are asked by themselves', async (t) => {
    const { server, client, ada } = await begin(t);
    await signInWith(server, client, ada);
    assert.equal(await isAsked(server, client, await server.createAccount('mei')), true);
    assert.equal(await isAsked(server, await server.createClient(), ada), true);
  });

  test('offline access is asked for once, with its sentence, and then comes without a question', async (t) => {
    const { server, client, ada } = await begin(t);
    await signInWith(server, client, ada, { scope: 'openid' });
    const { page, browser } = await arriveAnew(server, client, ada, OFFLINE);
    const html = await page.clone().text();
    assert.match(html, /It keeps this access when you are not signed in\./);
    assert.doesNotMatch(html, /be able to/, 'nothing else is new');
    assert.match(html, /You have already allowed it to/);
    await decide(browser, page, 'allow');
    const later = await arriveAnew(server, client, ada, OFFLINE);
    const code = answerOf(later.page).get('code');
    assert.ok((await redeem(server, client, later.request, code)).body.refresh_token);
    const silent = authorization(client, { ...OFFLINE, prompt: 'none' });
    const again = answerOf(await browser.get(authorizeUrl(silent)));
    assert.ok((await redeem(server, client, silent, again.get('code'))).body.refresh_token);
  });

  test('offline access is neither asked for nor given without the grant type refresh_token', async (t) => {
    const { server, client, ada } = await begin(t, { grantTypes: ['authorization_code'] });
    const { page, browser, request } = await arriveAnew(server, client, ada, OFFLINE);
    assert.match(await page.clone().text(), /It has no access while you are away/);
    const code = answerOf(await decide(browser, page, 'allow')).get('code');
    const { body } = await redeem(server, client, request, code);
    assert.deepEqual([body.scope, body.refresh_token], ['openid', undefined]);
  });

  test('a first-party application gets offline access without a question, and nothing is remembered', async (t) => {
    const { server, client, ada } = await begin(t, { firstParty: true });
    const { page, request, browser } = await arriveAnew(server, client, ada, OFFLINE);
    const { body } = await redeem(server, client, request, answerOf(page).get('code'));
    browser.cookies.clear();
    assert.equal((await refresh(server, client, body.refresh_token)).status, 200);
    await signInWith(server, client, ada, { ...OFFLINE, prompt: 'consent' });
    assert.deepEqual(await server.database.knex('T_consents'), []);
  });

  test('prompt=consent always asks and lists everything; a denial there leaves what was allowed', async (t) => {
    const { server, client, ada } = await begin(t);
    const { browser: signedIn } = await signInWith(server, client, ada);
    for (const browser of [signedIn, new Browser(server.issuer)]) {
      const page = await arrive(browser, authorization(client, { prompt: 'consent' }), ada);
      assert.deepEqual(await listedOn(page), { asked: [SIGNED_IN, PROFILE, EMAIL], before: [] });
      assert.equal(answerOf(await decide(browser, page, 'deny')).get('error'), 'access_denied');
    }
    assert.equal((await server.database.knex('T_grants')).length, 1, 'nothing is granted before the answer');
    assert.equal(await isAsked(server, client, ada), false);
  });

  test('prompt=none succeeds in a session that is new to the application, unless something is new', async (t) => {
    const { server, client, ada } = await begin(t);
    await signInWith(server, client, ada, { scope: 'openid profile' });
    const other = await server.createClient({ firstParty: true });
    const { browser } = await signInWith(server, other, ada);
    const ask = async (scope: string) =>
      answerOf(await browser.get(authorizeUrl(authorization(client, { scope, prompt: 'none' }))));
    assert.equal((await ask('openid profile email')).get('error'), 'consent_required');
    assert.ok((await ask('openid profile')).get('code'));
    assert.equal((await ask('openid email')).get('error'), 'consent_required');
  });

  test('single claims are remembered, too', async (t) => {
    const { server, client, ada } = await begin(t);
    const claims = (...names: string[]) =>
      JSON.stringify({ userinfo: Object.fromEntries(names.map((name) => [name, null])) });
    await signInWith(server, client, ada, { scope: 'openid', claims: claims('name') });
    assert.equal(await isAsked(server, client, ada, { scope: 'openid', claims: claims('name') }), false);
    const asked = { scope: 'openid', claims: claims('name', 'email') };
    const { page, browser } = await arriveAnew(server, client, ada, asked);
    assert.deepEqual(await listedOn(page), { asked: [EMAIL], before: [SIGNED_IN, 'See your name'] });
    await decide(browser, page, 'allow');
    // A scope is more than the claim of the same name.
    const scope = authorization(client, { scope: 'openid email' });
    assert.deepEqual(await listedOn(await arrive(browser, scope, ada)), {
      asked: [EMAIL],
      before: [SIGNED_IN],
    });
  });

  test('a token has no scope that the account or the application lost, and nobody is asked for it', async (t) => {
    const { server, client, ada } = await begin(t);
    const { knex } = server.database;
    const setCeiling = (scope: string) =>
      knex('T_accounts')
        .where({ id: ada.id })
        .update({ scopes: JSON.stringify(scope.split(' ')) });
    const scopeOf = async (scope: string) => {
      const { page, request } = await arriveAnew(server, client, ada, { scope });
      return (await redeem(server, client, request, answerOf(page).get('code'))).body.scope;
    };
    await setCeiling('openid profile');
    const { tokens } = await signInWith(server, client, ada);
    assert.equal(tokens.body.scope, 'openid profile');
    assert.equal(await scopeOf('openid profile email'), 'openid profile', 'email is beyond the ceiling');
    await setCeiling('openid');
    assert.equal(await scopeOf('openid profile email'), 'openid');
    await setCeiling('openid profile email');
    const { page } = await arriveAnew(server, client, ada);
    assert.deepEqual(await listedOn(page), { asked: [EMAIL], before: [SIGNED_IN, PROFILE] });
    await server.clients.update(OPERATOR, client.client_id, { scope: 'openid' });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(await scopeOf('openid profile email'), 'openid');
  });

  test('a public application that another program could pretend to be is asked about in each session', async (t) => {
    const { server, ada } = await begin(t);
    const addresses: [Partial<ClientInput>, boolean][] = [
      [{ public: true, redirectUris: ['https://scribe.example/cb'] }, false],
      [{ redirectUris: ['http://127.0.0.1:7000/cb'] }, false],
      [{ public: true, redirectUris: ['http://127.0.0.1:7000/cb'] }, true],
      [{ public: true, redirectUris: ['http://127.0.0.1/cb'] }, true],
      [{ public: true, redirectUris: ['http://nas.local/cb'] }, true],
      [{ public: true, redirectUris: ['com.example.scribe:/cb'] }, true],
      [{ redirectUris: ['com.example.scribe:/cb'] }, true],
      [{ public: true, redirectUris: [], displayCode: true }, true],
    ];
    for (const [input, expected] of addresses) {
      const client = await server.createClient(input);
      const { page, browser } = await arriveAnew(server, client, ada, OFFLINE);
      await decide(browser, page, 'allow');
      const redirect_uri = (client.redirect_uris as string[])[0] as string;
      const asked = await isAsked(server, client, ada, { ...OFFLINE, redirect_uri });
      assert.equal(asked, expected, JSON.stringify(input));
    }
  });
});

describe('what withdraws remembered consent', () => {
  type Event = (
    given: { server: TestServer; client: Client; ada: Person } & Awaited<ReturnType<typeof signInWith>>,
  ) => Promise<unknown>;
  const wait = () => new Promise((resolve) => setTimeout(resolve, 1000));
  const events: Record<string, [Event, isWithdrawn: boolean]> = {
    'signing out': [
      async ({ browser, server, tokens }) => {
        const hint = new URLSearchParams({ id_token_hint: String(tokens.body.id_token) });
        await browser.follow(await browser.get(`/session/end?${hint}`));
        assert.equal((await server.database.knex('T_user_sessions').where({ is_active: true })).length, 0);
      },
      false,
    ],
    'signing out everywhere': [
      ({ server, ada }) =>
        server.database.knex.transaction((trx) => server.services.signOutEverywhere(trx, ada.id)),
      false,
    ],
    'the revocation of the refresh token by the application': [
      async ({ server, client, tokens }) => {
        const token = tokens.body.refresh_token;
        assert.equal((await call(server, client, '/token/revocation', { token })).status, 200);
      },
      false,
    ],
    'the reuse of a refresh token': [
      async ({ server, client, tokens }) => {
        const token = tokens.body.refresh_token;
        assert.equal((await refresh(server, client, token)).status, 200);
        assert.equal((await refresh(server, client, token)).body.error, 'invalid_grant');
      },
      false,
    ],
    'disabling the application': [
      async ({ server, client }) => {
        await server.clients.disable(OPERATOR, client.client_id);
        await server.clients.enable(OPERATOR, client.client_id);
        await wait();
      },
      false,
    ],
    'disabling the account': [
      async ({ server, ada }) => {
        await server.accounts.disable(OPERATOR, ada.username);
        await server.accounts.enable(OPERATOR, ada.username);
      },
      true,
    ],
    'a first confirmation of the address by a password reset': [
      async ({ server, ada }) => {
        const owner = await openLink(server, await resetLink(server, `${ada.username}@harbour.example`));
        await send(owner.browser, owner.page, { password: ada.password });
      },
      true,
    ],
    'another application with the same client_id': [
      async ({ server, client }) => {
        await server.database.knex('T_oauth_clients').where({ client_id: client.client_id }).delete();
        await wait();
        await server.createClient({ clientId: client.client_id });
      },
      true,
    ],
  };

  for (const [what, [run, isWithdrawn]] of Object.entries(events))
    test(`${what} ${isWithdrawn ? 'withdraws it' : 'leaves it'}`, async (t) => {
      const { server, client, ada } = await begin(t, { refreshOverlap: 0 });
      const signedIn = await signInWith(server, client, ada, OFFLINE);
      await run({ server, client, ada, ...signedIn });
      const rows = await server.database.knex('T_consents');
      assert.equal(rows.length, isWithdrawn ? 0 : 1);
      const { refresh_token } = signedIn.tokens.body;
      if (isWithdrawn) assert.ok([400, 401].includes((await refresh(server, client, refresh_token)).status));
    });
});

describe('latchkey grant', () => {
  test('lists the applications that can act for an account, and ends their access', async (t) => {
    const { server, client, ada } = await begin(t);
    const own = await server.createClient({ firstParty: true });
    await server.createAccount('mei');
    await signInWith(server, client, ada, OFFLINE);
    const first = await signInWith(server, own, ada, OFFLINE);
    const command = (...args: string[]) => latchkey(['grant', ...args], { url: server.storage.url });
    const list = async (...args: string[]) => JSON.parse((await command('list', ...args, '--json')).stdout);

    const listed = await list('--account', 'ada');
    assert.deepEqual(
      listed.map((row: Record<string, unknown>) => [
        row.username,
        row.client_id,
        row.remembered,
        row.scope,
        row.tokens,
      ]),
      [
        ['ada', client.client_id, true, 'openid offline_access', 2],
        ['ada', own.client_id, false, '', 2],
      ],
    );
    assert.match(listed[0].allowed_at, /^\d{4}-\d\d-\d\dT.*Z$/);
    assert.deepEqual(await list('--client', own.client_id), [listed[1]]);
    assert.match((await command('list', '--account', 'mei')).stdout, /^No application has access\.$/m);

    const revoked = await command('revoke', '--account', 'ada', '--client', own.client_id, '--json');
    assert.deepEqual(JSON.parse(revoked.stdout), [
      { username: 'ada', account_id: ada.id, client_id: own.client_id },
    ]);
    assert.equal((await refresh(server, own, first.tokens.body.refresh_token)).status, 400);
    assert.deepEqual(await list('--account', 'ada'), [listed[0]]);
    assert.match((await command('revoke', '--client', client.client_id)).stdout, /^ada {2}/);
    assert.deepEqual(await list('--account', 'ada'), []);
    const events = await server.database.knex('T_auth_audit_log').where({ action: 'consent.withdrawn' });
    assert.deepEqual(
      events.map(({ account_id, actor_id, client_id }) => [account_id, actor_id, client_id]),
      [
        [ada.id, null, own.client_id],
        [ada.id, null, client.client_id],
      ],
    );
  });

  test('says what is missing or unknown', async (t) => {
    const { server } = await begin(t);
    for (const [args, message] of [
      [[], /Name an account with --account, an application with --client, or both/],
      [['--account', 'nobody'], /nobody/],
      [['--client', 'none'], /none/],
    ] as const)
      for (const verb of ['list', 'revoke']) {
        const { code, stdout, stderr } = await latchkey(['grant', verb, ...args], {
          url: server.storage.url,
        });
        assert.deepEqual([code, stdout], [1, '']);
        assert.match(stderr, message);
      }
  });
});
