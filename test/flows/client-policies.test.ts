import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toClientInput } from '../../src/oidc/clients/rfc7591.ts';
import { Browser } from '../support/browser.ts';
import { authorization, authorizeUrl, call, signInWith } from '../support/builders/authorization.ts';
import { startServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

describe('the policies of an application', () => {
  test('limit its response modes', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({ responseModes: ['form_post'] });
    const open = (params: Record<string, string>) =>
      new Browser(server.issuer).get(authorizeUrl(authorization(client, params)));
    for (const params of [{}, { response_mode: 'query' }, { response_mode: 'fragment' }]) {
      const answer = await open(params as Record<string, string>);
      assert.equal(answer.headers.get('location')?.includes('/interaction/') ?? false, false);
    }
    assert.match(
      String((await open({ response_mode: 'form_post' })).headers.get('location')),
      /\/interaction\//,
    );
  });

  test('limit the life of its access tokens, also of those for an API', async (t) => {
    const server = await startServer(t, 'sqlite');
    const identifier = 'https://notes.example/api';
    await server.services.resources.create(
      { accountId: null },
      { identifier, name: 'Notes', scope: 'notes:read', ttl: 600 },
    );
    const service = { grantTypes: ['client_credentials' as const], redirectUris: [], scope: 'notes:read' };
    const life = async (accessTokenTtl: number | null, resource?: string) => {
      const client = await server.createClient({ ...service, accessTokenTtl });
      const params = { grant_type: 'client_credentials', scope: 'notes:read', ...(resource && { resource }) };
      return (await call(server, client, '/token', params)).body.expires_in;
    };
    assert.deepEqual(
      [
        await life(null),
        await life(90),
        await life(7200),
        await life(90, identifier),
        await life(7200, identifier),
      ],
      [3600, 90, 7200, 90, 600],
    );
  });

  test('are named by latchkey doctor where they are weaker than OAuth 2.1, with what to change', async (t) => {
    const server = await startServer(t, 'sqlite');
    const run = async (...args: string[]) => {
      const { stdout } = await latchkey([...args, '--json'], { url: server.storage.url });
      return JSON.parse(stdout);
    };
    const weaknesses = async () =>
      ((await run('doctor')) as { check: string; ok: boolean; says: string }[])
        .filter(({ check }) => check === 'oauth 2.1')
        .map(({ ok, says }) => [ok, says]);
    await server.createClient();
    assert.deepEqual(await weaknesses(), [[true, 'no application is weaker than it asks']]);
    const weak = [
      [{ pkce: 'off' }, /codes .*\(section 7\.5\.1\): .* --pkce or-nonce$/],
      [{ redirectUris: ['http://10.0.0.7/cb'] }, /http:\/\/10\.0\.0\.7\/cb .*--redirect-uri/],
      [{ public: true, redirectUris: ['notes:/cb'] }, /the scheme of notes:\/cb/],
      [{ public: true, refreshOverlap: 300 }, /300 seconds .*--refresh-overlap default$/],
      [{ authMethod: 'private_key_jwt', jwksUri: 'http://x.example/jwks' }, /keys .*--jwks-uri/],
      [{ accessTokenTtl: 100_000 }, /longer than a day .*--access-token-ttl default$/],
    ] as const;
    for (const [input] of weak) await server.createClient({ name: 'Weak', ...input } as never);
    const found = await weaknesses();
    assert.equal(found.length, weak.length);
    for (const [, sentence] of weak) {
      // Applications of the same millisecond come in any order.
      const named = found.filter(([, says]) => sentence.test(String(says)));
      assert.deepEqual(
        named.map(([, says]) => /^Weak: /.test(String(says))),
        [true],
        String(sentence),
      );
    }
  });

  test('are set by the command, and go back to those of the server', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { client_id } = await server.createClient();
    const update = async (...args: string[]) =>
      JSON.parse(
        (await latchkey(['client', 'update', client_id, ...args, '--json'], { url: server.storage.url }))
          .stdout,
      );
    const set = await update(
      '--response-mode',
      'query',
      '--response-mode',
      'query.jwt',
      '--access-token-ttl',
      '60',
    );
    assert.deepEqual([set.response_modes, set.access_token_ttl], [['query', 'query.jwt'], 60]);
    const reset = await update('--no-response-mode', '--access-token-ttl', 'default');
    assert.deepEqual([reset.response_modes, reset.access_token_ttl], [undefined, undefined]);
  });
});

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

  test('need to know which applications belong together', async (t) => {
    const server = await startServer(t, 'sqlite');
    const refused = [
      [{ redirectUris: ['https://a.example/cb', 'https://b.example/cb'] }, 'pairwise_sector_unclear'],
      [{ redirectUris: [], grantTypes: ['client_credentials'] }, 'pairwise_without_redirect_uri'],
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

test('of what an application can do, the first choice that the server supports is registered', () => {
  const choose = (document: object) => toClientInput(document, { ignoreUnknown: true });
  assert.deepEqual(
    choose({
      token_endpoint_auth_methods_supported: [
        'attest_jwt_client_auth',
        'private_key_jwt',
        'client_secret_basic',
      ],
      token_endpoint_auth_signing_alg_values_supported: ['ML-DSA-44', 'ES256'],
      id_token_signing_alg_values_supported: ['PS256', 'EdDSA', 'RS256'],
      subject_types_supported: ['pairwise', 'public'],
    }),
    {
      public: false,
      authMethod: 'private_key_jwt',
      authSigningAlg: 'ES256',
      idTokenSignedResponseAlg: 'EdDSA',
      subjectType: 'pairwise',
    },
  );
  const stated = {
    id_token_signing_alg_values_supported: ['ES256', 'RS256'],
    id_token_signed_response_alg: 'RS256',
  };
  assert.deepEqual(choose(stated), { idTokenSignedResponseAlg: 'RS256' });
  assert.throws(() => choose({ ...stated, id_token_signed_response_alg: 'EdDSA' }), /must have the value/);
  assert.throws(() => choose({ id_token_signing_alg_values_supported: ['PS256'] }), /supports no value/);
  assert.throws(() => choose({ subject_types_supported: 'public' }), /must be a list/);
});
