import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toClientInput } from '../../src/oidc/clients/rfc7591.ts';
import { Browser } from '../support/browser.ts';
import { authorization, authorizeUrl, call } from '../support/builders/authorization.ts';
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
