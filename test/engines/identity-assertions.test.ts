import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { call } from '../support/builders/authorization.ts';
import type { Key } from '../support/builders/client-assertions.ts';
import { type IdentityProvider, startIdentityProvider } from '../support/builders/identity-provider.ts';
import { createSlowKey } from '../support/builders/slow-key.ts';
import { type EngineName, engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const OPERATOR = { accountId: null };
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const TOOLS = 'https://tools.example/mcp';

async function begin(t: Parameters<typeof startServer>[0], engine: EngineName, key?: Key) {
  const server = await startServer(t, engine, { config: { allowPrivateServices: true } });
  const provider = await startIdentityProvider(t, key);
  const agent = await server.createClient({
    name: 'Agent',
    redirectUris: [],
    scope: 'tools:read tools:write',
    grantTypes: [JWT_BEARER],
  });
  const api = await server.createClient({
    name: 'Tools',
    redirectUris: [],
    resourceServer: true,
    scope: 'tools:read tools:write',
  });
  const scope = 'tools:read tools:write';
  await server.services.resources.create(OPERATOR, { identifier: TOOLS, scope, clientId: api.client_id });
  await server.services.trustedIssuers.add(OPERATOR, {
    issuer: provider.issuer,
    jwksUri: provider.jwksUri,
    scope: 'tools:read',
  });
  const ada = await server.createAccount('ada', 'openid profile tools:*');
  await server.database.knex('T_accounts').where({ id: ada.id }).update({ email_verified: true });
  const good = {
    aud: server.issuer,
    sub: 'U-17',
    email: 'Ada@harbour.example',
    client_id: agent.client_id,
    resource: TOOLS,
    scope: 'tools:read tools:write',
  };
  const present = async (claims: Record<string, unknown> = {}, header?: Record<string, unknown>) =>
    send(server, agent, await provider.sign({ ...good, ...claims }, header));
  return { server, provider, agent, api, ada, good, present };
}

const send = (server: TestServer, client: Parameters<typeof call>[1], assertion: string, fields = {}) =>
  call(server, client, '/token', { grant_type: JWT_BEARER, assertion, ...fields });

async function refusedOnes(provider: IdentityProvider, good: Record<string, unknown>, issuer: string) {
  const now = Math.floor(Date.now() / 1000);
  const other = `${issuer}/`;
  return {
    'an ID token': await provider.sign(good, { typ: 'JWT' }),
    'another audience': await provider.sign({ ...good, aud: other }),
    'several audiences': await provider.sign({ ...good, aud: [issuer, other] }),
    'another application': await provider.sign({ ...good, client_id: 'other' }),
    'an unknown issuer': await provider.sign({ ...good, iss: 'https://evil.example' }),
    'this server itself': await provider.sign({ ...good, iss: issuer }),
    'an expired one': await provider.sign({ ...good, iat: now - 400, exp: now - 100 }),
    'one made long ago': await provider.sign({ ...good, iat: now - 4000 }),
    'one without an id': await provider.sign({ ...good, jti: undefined }),
    'an unknown user': await provider.sign({ ...good, email: 'nobody@harbour.example' }),
    'an address that is not verified': await provider.sign({ ...good, email_verified: false }),
    'one that is said so by a text': await provider.sign({ ...good, email_verified: 'false' }),
    'one that is said so by a number': await provider.sign({ ...good, email_verified: 0 }),
    'one of which nothing is known': await provider.sign({ ...good, email_verified: null }),
    'an address in wide letters': await provider.sign({ ...good, email: '\uff41da@harbour.example' }),
    'an address with a space': await provider.sign({ ...good, email: ' ada@harbour.example' }),
    'a user by subject alone': await provider.sign({ ...good, email: undefined, sub: 'ada' }),
    'a username in the place of an address': await provider.sign({ ...good, email: 'ada' }),
    'no JWT': 'x.y.z',
  };
}

for (const engine of engines) {
  describe(`identity assertions (ID-JAG) on ${engine}`, () => {
    test('of a trusted issuer give a token, once, within what the issuer can grant', async (t) => {
      const { server, provider, agent, api, ada, good } = await begin(t, engine);
      const assertion = await provider.sign(good);
      const answers = await Promise.all([1, 2, 3, 4].map(() => send(server, agent, assertion)));
      const [first, ...more] = answers.filter(({ status }) => status === 200);
      assert.ok(first && more.length === 0, JSON.stringify(answers.map(({ body }) => body)));
      assert.equal(first.body.scope, 'tools:read');
      assert.equal(first.body.refresh_token, undefined);
      assert.ok(Number(first.body.expires_in) <= 3600);
      let token = first.body.access_token;
      const introspect = () => call(server, api, '/token/introspection', { token });
      const { body } = await introspect();
      assert.deepEqual(
        [body.active, body.sub, body.aud, body.client_id],
        [true, ada.id, TOOLS, agent.client_id],
      );
      const { consents } = server.services;
      const [listed] = await consents.listApplications(ada.id);
      assert.deepEqual([listed?.name, listed?.scopes], ['Agent', ['tools:read']]);
      await consents.withdraw({ accountId: ada.id }, { accountId: ada.id, clientId: agent.client_id });
      assert.deepEqual((await introspect()).body, { active: false });
      assert.deepEqual(await consents.listApplications(ada.id), []);
      const next = await send(server, agent, await provider.sign(good));
      token = next.body.access_token;
      assert.equal((await introspect()).body.active, true);
      const [event] = await server.database
        .knex('T_auth_audit_log')
        .where({ action: 'identity_assertion.accepted' });
      assert.equal(JSON.parse(event.details).issuer, provider.issuer);
      const accounts = server.database.knex('T_accounts').where({ id: ada.id });
      await accounts.clone().update({ closing_at: new Date(Date.now() + 60_000) });
      assert.equal((await send(server, agent, await provider.sign(good))).body.error, 'invalid_grant');
      await accounts.clone().update({ closing_at: null });
      assert.equal((await send(server, agent, await provider.sign(good))).status, 200);
      await server.accounts.disable(OPERATOR, 'ada');
      assert.equal((await introspect()).body.active, false);
      assert.equal((await send(server, agent, await provider.sign(good))).body.error, 'invalid_grant');
    });
  });
}

describe('an identity assertion', () => {
  test('is refused when any rule is broken', async (t) => {
    const { server, provider, agent, good, present } = await begin(t, 'sqlite');
    for (const [what, assertion] of Object.entries(await refusedOnes(provider, good, server.issuer))) {
      const { status, body } = await send(server, agent, assertion);
      assert.deepEqual([status, body.error], [400, 'invalid_grant'], `${what}: ${JSON.stringify(body)}`);
    }
    assert.equal((await present({ resource: 'https://other.example' })).body.error, 'invalid_target');
    assert.equal((await present({ resource: undefined })).body.error, 'invalid_target');
    assert.equal((await present({ scope: 'tools:write' })).body.error, 'invalid_scope');
    const wide = await send(server, agent, await provider.sign(good), { scope: 'tools:write' });
    assert.equal(wide.body.error, 'invalid_scope');
    assert.equal(provider.reads(), 1);
    const forger = await startIdentityProvider(t);
    assert.equal(
      (await send(server, agent, await forger.sign({ ...good, iss: provider.issuer }))).status,
      400,
    );
    const foreign = await server.createClient();
    assert.notEqual((await send(server, foreign, await provider.sign(good))).status, 200);
    assert.equal((await present()).status, 200);
  });

  test('is refused when it is signed with a key that an application could not register', async (t) => {
    const { present } = await begin(t, 'sqlite', await createSlowKey('slow'));
    const { status, body } = await present();
    assert.deepEqual([status, body.error], [400, 'invalid_grant']);
  });

  test('of an issuer that an operator removes is refused; the command adds, lists and removes', async (t) => {
    const { server, provider, agent, good, present } = await begin(t, 'sqlite');
    const run = (...args: string[]) =>
      latchkey(['trusted-issuer', ...args, '--json'], { url: server.storage.url });
    assert.equal(JSON.parse((await run('list')).stdout)[0].issuer, provider.issuer);
    assert.equal((await present()).status, 200);
    assert.equal((await run('remove', provider.issuer)).code, 0);
    const add = ['add', provider.issuer, '--jwks-uri', provider.jwksUri];
    assert.match((await run(...add, '--scope', 'openid')).stderr, /only scopes of your APIs/);
    assert.equal((await run(...add, '--scope', 'tools:write', '--subject', 'username')).code, 0);
    assert.match((await run(...add, '--scope', 'tools:write')).stderr, /trusted already/);
    await new Promise((done) => setTimeout(done, 1100));
    assert.equal((await present()).body.error, 'invalid_grant');
    const byName = await send(server, agent, await provider.sign({ ...good, sub: 'ada', email: undefined }));
    assert.equal(byName.body.scope, 'tools:write');
    for (const sub of ['Ada', ' ada ', 'ada\n', '\uff41da', 'ad\u00e0'])
      assert.equal((await present({ sub, email: undefined })).body.error, 'invalid_grant', sub);
  });
});
