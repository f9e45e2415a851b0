import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  signInWith,
  walk,
} from '../support/builders/authorization.ts';
import { startServer } from '../support/server.ts';

describe('pairwise subjects', () => {
  test('differ between sectors, stay the same in one, and lead back to the user', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const create = (host: string, input = {}) =>
      server.createClient({ redirectUris: [`https://${host}/cb`], subjectType: 'pairwise', ...input });
    const subjectOf = async (client: Awaited<ReturnType<typeof create>>) => {
      const { tokens, browser } = await signInWith(server, client, ada);
      const idToken = String(tokens.body.id_token);
      const { sub } = JSON.parse(Buffer.from(String(idToken.split('.')[1]), 'base64url').toString());
      const headers = { authorization: `Bearer ${tokens.body.access_token}` };
      const userinfo = (await (await fetch(`${server.issuer}/me`, { headers })).json()) as { sub: string };
      assert.equal(userinfo.sub, sub);
      const introspected = await call(server, client, '/token/introspection', {
        token: String(tokens.body.access_token),
      });
      assert.equal(introspected.body.sub, sub);
      assert.equal('username' in introspected.body && introspected.body.username === ada.id, false);
      return { sub, idToken, browser };
    };
    const [notes, ledger, sameHost] = [
      await create('notes.example'),
      await create('ledger.example'),
      await create('notes.example', { name: 'Twin' }),
    ];
    const first = await subjectOf(notes);
    assert.notEqual(first.sub, ada.id);
    assert.equal(first.sub.length, 43);
    assert.notEqual((await subjectOf(ledger)).sub, first.sub);
    assert.equal((await subjectOf(sameHost)).sub, first.sub);
    assert.equal((await subjectOf(await create('public.example', { subjectType: 'public' }))).sub, ada.id);

    // Its ID token names the user, to this server only.
    const hinted = authorization(notes, { prompt: 'none', id_token_hint: first.idToken });
    const silent = await first.browser.get(authorizeUrl(hinted));
    assert.match(String(silent.headers.get('location')), /^https:\/\/notes\.example\/cb\?code=/);
    const other = await startServer(t, 'sqlite', {
      storage: server.storage,
      config: { issuer: server.issuer },
    });
    assert.equal((await signInWith({ ...other, issuer: other.issuer }, notes, ada)).tokens.status, 200);
  });

  test('do not hide from introspection which scopes the account has lost', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const client = await server.createClient({ subjectType: 'pairwise' });
    const { tokens } = await signInWith(server, client, ada);
    const introspect = async () =>
      (await call(server, client, '/token/introspection', { token: tokens.body.access_token })).body;
    assert.equal((await introspect()).scope, 'openid profile email');
    await server.database.knex('T_accounts').update({ scopes: '["openid"]' });
    const { scope, username } = await introspect();
    assert.deepEqual([scope, username], ['openid', undefined]);
  });

  test('of a JWT lead back to the user at introspection, signed or not, and the token names nobody', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount('ada', 'openid notes:read');
    const API = 'https://notes.example/api';
    const api = await server.createClient({ redirectUris: [], resourceServer: true, scope: 'notes:read' });
    const { resources } = server.services;
    const described = {
      identifier: API,
      scope: 'notes:read',
      format: 'jwt' as const,
      clientId: api.client_id,
    };
    await resources.create({ accountId: null }, described);
    const client = await server.createClient({ subjectType: 'pairwise', scope: 'openid notes:read' });
    const obtain = async () => {
      const request = { ...authorization(client, { scope: 'openid notes:read' }), resources: [API] };
      const answer = answerOf(await walk(new Browser(server.issuer), request, ada));
      const { body } = await redeem(server, client, request, answer.get('code'));
      return String(body.access_token);
    };
    const [first, second] = [await obtain(), await obtain()];
    const claims = decodeJwt(first);
    assert.ok(!JSON.stringify(claims).includes(ada.id));
    assert.equal(decodeJwt(second).sub, claims.sub);
    assert.notEqual(decodeJwt(second).account_sealed, claims.account_sealed);
    const introspect = async (headers = {}) => {
      const basic = Buffer.from(`${api.client_id}:${api.client_secret}`).toString('base64');
      return fetch(`${server.issuer}/token/introspection`, {
        method: 'POST',
        headers: { authorization: `Basic ${basic}`, ...headers },
        body: new URLSearchParams({ token: first }),
      });
    };
    const plain = (await (await introspect()).json()) as Record<string, unknown>;
    assert.deepEqual(
      [plain.active, plain.sub, plain.username, plain.account_sealed],
      [true, claims.sub, undefined, undefined],
    );
    const signed = await introspect({ accept: 'application/token-introspection+jwt' });
    const { token_introspection } = decodeJwt(await signed.text()) as { token_introspection: object };
    assert.deepEqual(token_introspection, plain);
    await server.services.consents.withdraw(
      { accountId: ada.id },
      { accountId: ada.id, clientId: client.client_id },
    );
    assert.deepEqual(await (await introspect()).json(), { active: false });
  });

  test('need to know which applications belong together', async (t) => {
    const server = await startServer(t, 'sqlite');
    const refused = [
      [{ redirectUris: ['https://a.example/cb', 'https://b.example/cb'] }, 'pairwise_sector_unclear'],
      [{ redirectUris: [], grantTypes: ['client_credentials'] }, 'pairwise_without_redirect_uri'],
      [{ assertionAudiences: ['https://chat.example'] }, 'pairwise_with_assertions'],
      [
        { grantTypes: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'] },
        'pairwise_without_redirect_uri',
      ],
    ] as const;
    for (const [input, code] of refused)
      await assert.rejects(async () => server.createClient({ ...input, subjectType: 'pairwise' } as never), {
        code,
      });
  });
});
