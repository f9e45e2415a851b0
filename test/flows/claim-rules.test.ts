import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClientInput } from '../../src/oidc/clients/input.ts';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  refresh,
  signInWith,
} from '../support/builders/authorization.ts';
import {
  type Claims,
  createEditor,
  OPERATOR,
  only,
  userinfo,
  wait,
} from '../support/builders/client-claims.ts';
import { arrive, listedOn } from '../support/builders/consent.ts';
import { claimsOf } from '../support/builders/second-factor.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

describe('a claim of an application', () => {
  const MAPPINGS = ['login=username', 'mail=email', 'teams=roles', 'tenant=value:acme'];
  const NAMES = ['login', 'mail', 'teams', 'tenant'];

  /** Which of the claims the ID token and userinfo have. */
  async function received(server: TestServer, tokens: Claims) {
    const answer = await userinfo(server, tokens.access_token);
    return [claimsOf(String(tokens.id_token)), answer].map((claims) =>
      Object.keys(only(claims as Claims, NAMES)),
    );
  }

  for (const firstParty of [false, true])
    for (const [scope, expected] of [
      ['openid', ['teams', 'tenant']],
      ['openid profile', ['login', 'teams', 'tenant']],
      ['openid email', ['mail', 'teams', 'tenant']],
    ] as const)
      test(`is given by the scopes of that sign-in alone: ${scope}, first-party ${firstParty}`, async (t) => {
        const server = await startServer(t, 'sqlite');
        const person = await createEditor(server);
        const client = await server.createClient({ claims: MAPPINGS, firstParty });
        const asked = ['login', 'mail', 'teams', 'tenant', 'preferred_username', 'email'];
        const wishes = Object.fromEntries(asked.map((name) => [name, { essential: true }]));
        const claims = JSON.stringify({ id_token: wishes, userinfo: wishes });
        for (const params of [{ scope }, { scope, claims }]) {
          const { tokens } = await signInWith(server, client, person, params);
          assert.deepEqual(await received(server, tokens.body), [expected, expected]);
        }
      });

  test('needs a scope that the application and the account may have now', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount('ada', 'openid profile');
    const client = await server.createClient({ claims: MAPPINGS });
    const scope = 'openid profile email offline_access';
    const { tokens } = await signInWith(server, client, person, { scope });
    assert.deepEqual(await received(server, tokens.body), [
      ['login', 'tenant'],
      ['login', 'tenant'],
    ]);
    const changed = await server.clients.update(OPERATOR, client.client_id, { scope: 'openid email' });
    assert.match(String(changed.warnings), /The claim login needs the scope profile/);
    await wait();
    const next = await refresh(server, client, tokens.body.refresh_token);
    assert.deepEqual(await received(server, next.body), [['tenant'], ['tenant']]);
  });

  test('takes the place of the same claim of a scope, even if its own source gives nothing', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount();
    const client = await server.createClient({
      claims: ['preferred_username=email@id_token', 'upn=verified_email'],
    });
    const names = ['preferred_username', 'upn'];
    const granted = await signInWith(server, client, person, {});
    assert.deepEqual(only(claimsOf(granted.tokens.body.id_token), names), {
      preferred_username: 'ada@harbour.example',
    });
    assert.equal((await userinfo(server, granted.tokens.body.access_token)).preferred_username, 'ada');
    const ungranted = await signInWith(server, client, person, { scope: 'openid profile' });
    assert.deepEqual(only(claimsOf(ungranted.tokens.body.id_token), names), {});
    await server.accounts.update(OPERATOR, person.username, { emailVerified: true });
    const confirmed = await signInWith(server, client, person, {});
    assert.equal(claimsOf(confirmed.tokens.body.id_token).upn, 'ada@harbour.example');
  });

  test('is in no logout token', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({ claims: ['tenant=value:acme'] });
    const { IdToken, Client } = server.provider;
    const engineClient = await Client.find(client.client_id);
    const token = new IdToken({ sub: 'ada' }, { client: engineClient, ctx: undefined } as never);
    const [, payload = ''] = (await token.issue({ use: 'logout' } as never)).split('.');
    assert.equal('tenant' in JSON.parse(Buffer.from(payload, 'base64url').toString()), false);
  });

  test('that is the same for everyone is on the consent page; the others are what its scopes describe', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount();
    const client = await server.createClient({ claims: [...MAPPINGS, 'note=value:<b>'] });
    const page = await arrive(new Browser(server.issuer), authorization(client), person);
    assert.deepEqual((await listedOn(page)).asked, [
      'Know who you are when you sign in, and your roles in this application',
      'Learn that your “tenant” is “acme”',
      'Learn that your “note” is “&lt;b&gt;”',
      'See your profile, such as your name, username, picture, language and time zone',
      'See your e-mail address',
    ]);
    assert.match(await page.text(), /<dt>Claims<\/dt><dd class="mono">login mail teams tenant note<\/dd>/);
    const fewer = await arrive(
      new Browser(server.issuer),
      authorization(client, { scope: 'openid' }),
      person,
    );
    assert.match(await fewer.text(), /<dt>Claims<\/dt><dd class="mono">teams tenant note<\/dd>/);
  });

  test('that is added later needs no new consent', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount();
    const client = await server.createClient();
    const { browser } = await signInWith(server, client, person, {});
    await server.clients.update(OPERATOR, client.client_id, { claims: MAPPINGS });
    await wait();
    const silent = authorizeUrl(authorization(client, { prompt: 'none' }));
    assert.equal(answerOf(await browser.get(silent)).get('error'), null);
  });

  test('is refused with a reason if it is reserved, malformed, repeated, too long, or one too many', async (t) => {
    const server = await startServer(t, 'sqlite');
    const refused: [claims: string[], reason: RegExp][] = [
      ...['iss', 'sub', 'aud', 'exp', 'iat', 'nonce', 'acr', 'amr', 'azp', 'at_hash', 'c_hash', 'sid'].map(
        (name): [string[], RegExp] => [[`${name}=value:x`], new RegExp(`The claim ${name} is reserved`)],
      ),
      ...['auth_time', 'events', 'cnf', 'act', 'email', 'email_verified', 'constructor'].map(
        (name): [string[], RegExp] => [[`${name}=username`], new RegExp(`The claim ${name} is reserved`)],
      ),
      [['groups'], /not in the form NAME=SOURCE/],
      [['=roles'], /The claim name "" does not begin/],
      [['__proto__=roles'], /The claim name "__proto__" does not begin/],
      [['a b=roles'], /The claim name "a b"/],
      [[`${'a'.repeat(101)}=roles`], /more than 100 characters/],
      [['groups='], /The source of the claim groups is missing\. It is one of roles, username/],
      [['groups=toString'], /The source of the claim groups is toString/],
      [['groups=roles@access_token'], /The source of the claim groups is roles@access_token/],
      [['a=value:'], /The source of the claim a/],
      [['a=json:{'], /The source of the claim a/],
      [['a=json:null'], /The source of the claim a/],
      [[`a=value:${'x'.repeat(256)}`], /more than 255 characters/],
      [['a=roles', 'a=username@userinfo'], /The claim a is named twice for the same place/],
      [Array.from({ length: 21 }, (_, index) => `a${index}=roles`), /at most 20 claims/],
    ];
    for (const [claims, reason] of refused)
      await assert.rejects(async () => server.createClient({ claims }), reason, claims[0]);
    const input: ClientInput['claims'] = ['a=roles@id_token', 'a=username@userinfo'];
    const client = await server.createClient({ claims: input });
    await assert.rejects(
      server.clients.update(OPERATOR, client.client_id, { claims: ['sub=username'] }),
      /The claim sub is reserved/,
    );
    assert.deepEqual((await server.clients.show(client.client_id)).claims, input);
  });
});

test('latchkey client sets, shows, keeps and removes claims', async (t) => {
  const server = await startServer(t, 'sqlite');
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await latchkey(['client', ...args], { url: server.storage.url });
    assert.equal(code, 0, stderr);
    return { stdout, stderr };
  };
  const uri = ['--redirect-uri', 'https://a.example/cb', '--scope', 'openid profile'];
  const mappings = ['--claim', 'groups=roles', '--claim', 'mail=email@userinfo'];
  const created = await run('create', '--name', 'A', ...uri, ...mappings, '--json');
  assert.match(created.stderr, /Warning: The claim mail needs the scope email/);
  const { client_id, claims } = JSON.parse(created.stdout);
  assert.deepEqual(claims, ['groups=roles', 'mail=email@userinfo']);
  await run('update', client_id, '--name', 'B');
  assert.match((await run('show', client_id)).stdout, /^claims +groups=roles mail=email@userinfo$/m);
  await run('update', client_id, '--claim', 'tenant=value:acme');
  const shown = JSON.parse((await run('show', client_id, '--json')).stdout);
  assert.deepEqual(shown.claims, ['tenant=value:acme']);
  await run('update', client_id, '--no-claim');
  assert.match((await run('show', client_id)).stdout, /^claims +none$/m);
  const refused = await latchkey(['client', 'update', client_id, '--claim', 'sub=username'], {
    url: server.storage.url,
  });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /The claim sub is reserved/);
});
