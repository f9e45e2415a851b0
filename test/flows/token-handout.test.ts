import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { toClientInput } from '../../src/oidc/clients/rfc7591.ts';
import { call, signInWith } from '../support/builders/authorization.ts';
import { beginHandOut, CONNECTION_TOKEN } from '../support/builders/hand-outs.ts';
import { startWithGoogle, usesOf } from '../support/builders/proxied-calls.ts';
import { actorToken, EXCHANGE } from '../support/builders/token-exchange.ts';

/** How long a server knows an application as it was. */
const CACHE_MS = 1000;
const OPERATOR = { accountId: null };

describe('a token of a connection is not handed out', () => {
  let started: Awaited<ReturnType<typeof startWithGoogle>>;
  const ends: (() => unknown)[] = [];
  before(async () => {
    const context = { after: (end: unknown) => void ends.push(end as () => unknown) };
    started = await startWithGoogle(context, 'sqlite');
  });
  after(async () => {
    for (const end of ends) await end();
  });
  const eventsOf = (clientId: string) =>
    started.server.database.knex('T_auth_audit_log').where({ client_id: clientId });

  test('for a service that an operator has not allowed for the application, whatever its scopes are', async () => {
    const { server } = started;
    const begun = await beginHandOut(started, {
      scope: 'openid connections:google.write connections:google.token',
      client: { scope: 'openid connections:*', handOutServices: [] },
    });
    const { status, body } = await begun.ask();
    assert.deepEqual([status, body.error], [400, 'unauthorized_client']);
    assert.match(String(body.error_description), /client update --hand-out/);
    // Not even the scope, which the wildcard would include.
    const { knex } = server.database;
    const row = await knex('T_access_tokens').where({ client_id: begun.client.client_id }).first('scope');
    assert.equal(row.scope, 'openid connections:google.write');
    const [event] = await eventsOf(begun.client.client_id).where({ action: 'token_request.refused' });
    assert.equal(JSON.parse(event.details).parameter, 'requested_token_type');

    const allowed = await beginHandOut(started);
    assert.equal((await allowed.ask()).status, 200);
    await server.services.clients.update(OPERATOR, allowed.client.client_id, { handOutServices: [] });
    await new Promise((done) => setTimeout(done, CACHE_MS));
    assert.equal((await allowed.ask()).body.error, 'unauthorized_client');
  });

  test('for a token that may only call the service through the proxy', async () => {
    const { ask } = await beginHandOut(started, {
      scope: 'openid connections:google.write',
      client: { scope: 'openid connections:google.write' },
    });
    const { status, body } = await ask();
    assert.deepEqual([status, body.error, body.missing_from], [400, 'invalid_scope', 'application']);
    assert.deepEqual(body.scopes, ['connections:google.token']);
  });

  test('for other tokens than a live one of the application itself', async () => {
    const { server } = started;
    const { ask, client, token, person } = await beginHandOut(started);
    const other = await beginHandOut(started);
    const service = await server.createClient({ redirectUris: [], grantTypes: ['client_credentials'] });
    const { tokens } = await signInWith(server, client, person, { scope: 'openid' });
    const refused: [string, Record<string, string | undefined>][] = [
      ['the token of another application', { subject_token: other.token }],
      ['a token without a person', { subject_token: await actorToken(server, service) }],
      ['an ID token', { subject_token: String(tokens.body.id_token) }],
      ['an unknown token', { subject_token: 'x'.repeat(43) }],
      ['no token', { subject_token: undefined }],
      ['another type', { subject_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }],
      ['an API', { resource: 'https://notes.example/api' }],
      ['an audience', { audience: 'google' }],
      ['an actor', { actor_token: token }],
    ];
    for (const [what, fields] of refused) {
      const { status, body } = await ask(fields);
      assert.deepEqual([status, body.error], [400, 'invalid_request'], `${what}: ${JSON.stringify(body)}`);
    }
    assert.equal((await ask()).status, 200);
    await call(server, client, '/token/revocation', { token });
    assert.equal((await ask()).body.error, 'invalid_request');
    await server.database.knex('T_accounts').where({ id: other.person.id }).update({ is_active: false });
    const disabled = await other.ask();
    assert.deepEqual([disabled.status, disabled.body.error], [400, 'invalid_request']);
  });

  test('for the connection of another person, or one of several that is not named', async () => {
    const ada = await beginHandOut(started);
    const eve = await beginHandOut(started);
    const foreign = await eve.ask({ connection_id: ada.connectionId });
    assert.deepEqual([foreign.body.error, foreign.body.code], ['invalid_target', 'not_connected']);
    const second = await ada.connect();
    const { body } = await ada.ask();
    assert.deepEqual([body.error, body.code], ['invalid_request', 'connection_required']);
    const ids = (body.connections as { id: string }[]).map(({ id }) => id);
    assert.deepEqual(new Set(ids), new Set([ada.connectionId, second]));
    assert.equal((await ada.ask({ connection_id: second })).status, 200);
    const uses = await usesOf(started.server, ada.person, 2);
    assert.equal(uses.at(-1).user_provider_id, second);
  });

  test('without a scope of the service that the application needs', async () => {
    const { ask } = await beginHandOut(started, { granted: 'openid calendar.readonly' });
    const { body } = await ask({ scope: 'calendar.readonly contacts' });
    assert.deepEqual(
      [body.error, body.scopes, body.missing_from],
      ['invalid_scope', ['contacts'], 'connection'],
    );
    const enough = await ask({ scope: 'calendar.readonly' });
    assert.equal(enough.body.scope, 'openid calendar.readonly');
  });

  test('of a service with API keys, of one that is disabled, and of one that does not exist', async () => {
    const { server } = started;
    const { services } = server.services.connections;
    await services.add(OPERATOR, { name: 'motion', preset: 'motion', change: {} });
    const keyed = await beginHandOut(started, { service: 'motion' });
    const { body } = await keyed.ask();
    assert.deepEqual([body.error, body.code], ['invalid_target', 'keys_not_handed_out']);
    await services.disable(OPERATOR, 'motion');
    assert.equal((await keyed.ask()).body.code, 'not_connected');
    const absent = await keyed.ask({ requested_token_type: `${CONNECTION_TOKEN}absent` });
    assert.equal(absent.body.error, 'unauthorized_client');
  });

  test('more than sixty times a minute', async () => {
    const { ask } = await beginHandOut(started);
    const answers = [];
    for (let times = 0; times < 61; times += 1) answers.push(await ask());
    assert.deepEqual(
      answers.slice(0, 60).filter(({ status }) => status !== 200),
      [],
    );
    const last = answers.at(-1);
    assert.deepEqual(
      [last?.status, last?.body.error, last?.body.code],
      [429, 'temporarily_unavailable', 'rate_limited'],
    );
    assert.ok(Number(last?.headers.get('retry-after')) > 0);
  });

  test('to an application that has registered itself, or has no secret', async () => {
    const metadata = { hand_out_services: ['google'] };
    assert.deepEqual(toClientInput(metadata, { ignoreUnknown: true }), {});
    assert.deepEqual(toClientInput(metadata), { handOutServices: ['google'] });
    const { clients } = started.server.services;
    await assert.rejects(
      async () =>
        clients.create(OPERATOR, {
          name: 'x',
          public: true,
          redirectUris: ['https://x.example/cb'],
          grantTypes: ['authorization_code', EXCHANGE],
          handOutServices: ['google'],
        }),
      { code: 'public_client_with_token_exchange' },
    );
    await assert.rejects(
      async () =>
        clients.create(OPERATOR, {
          name: 'x',
          redirectUris: ['https://x.example/cb'],
          handOutServices: ['google'],
        }),
      { code: 'hand_out_without_grant' },
    );
  });
});
