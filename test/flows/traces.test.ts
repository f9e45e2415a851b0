import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { toStory } from '../../src/oidc/trace/story.ts';
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
import { shareServer } from '../support/shared-server.ts';

const NO_PKCE = { code_challenge: undefined, code_challenge_method: undefined };

describe('the story of an attempt to connect', () => {
  const shared = shareServer();
  let ada: { username: string; password: string };
  let bob: typeof ada;
  before(async () => {
    ada = await shared.server.createAccount();
    bob = await shared.server.createAccount('bob', 'profile');
  });

  const createClient = (input: Parameters<typeof shared.server.createClient>[0] = {}) =>
    shared.server.createClient(input);
  const open = (client: ClientDocument, params: Record<string, string | undefined>) =>
    new Browser(shared.server.issuer).get(authorizeUrl(authorization(client, params)));
  const getCode = async (client: ClientDocument, params: Record<string, string | undefined> = {}) => {
    const request = authorization(client, params);
    const answer = await walk(new Browser(shared.server.issuer), request, ada);
    return { request, code: answerOf(answer).get('code') };
  };
  const me = (token: unknown) =>
    fetch(`${shared.server.issuer}/me`, { headers: { authorization: `Bearer ${token}` } });

  /** The only story of that application. */
  async function read(client: { client_id: string }) {
    const { traces } = shared.server.services;
    await traces.write();
    const { stories } = await traces.list({ clientId: client.client_id, limit: 10 });
    assert.equal(stories.length, 1, JSON.stringify(stories));
    const [story] = stories;
    assert.ok(story);
    return { ...story, names: story.steps.map(({ step, ok }) => (ok ? step : `${step} refused`)).join(', ') };
  }

  /** Asserts where it stopped, and that the sentences match. */
  async function assertStopped(
    client: { client_id: string },
    expected: { names: RegExp; whose: RegExp; cause: RegExp; remedy: RegExp },
  ) {
    const { names, fault, ending } = await read(client);
    assert.equal(ending, 'refused');
    assert.match(names, expected.names);
    assert.match(String(fault?.whose), expected.whose);
    assert.match(String(fault?.cause), expected.cause);
    assert.match(String(fault?.remedy), expected.remedy);
    assert.doesNotMatch(String(fault?.remedy), /CLIENT_ID/);
  }

  test('has every step of one that connected, and only the first use of its token', async () => {
    await fetch(`${shared.server.issuer}/.well-known/openid-configuration`);
    const client = await createClient();
    const { tokens } = await signInWith(shared.server, client, ada);
    for (let time = 0; time < 3; time += 1) await me(tokens.body.access_token);
    const { names, ending, fault, username, client_name } = await read(client);
    assert.match(
      names,
      /^(registration, )?discovery, (registration, )?request, sign_in, consent, code, token, use$/,
    );
    assert.deepEqual([ending, fault, username, client_name], ['connected', undefined, 'ada', 'Fieldnotes']);
  });

  test('names a redirect URI that is not registered, without its query', async () => {
    const client = await createClient();
    await open(client, { redirect_uri: 'https://fieldnotes.example/callback?secret=1' });
    await assertStopped(client, {
      names: /request refused$/,
      whose: /The application, or its registration/,
      cause: /sent https:\/\/fieldnotes\.example\/callback; registered: https:\/\/fieldnotes\.example\/cb\.$/,
      remedy: new RegExp(`latchkey client update ${client.client_id} --redirect-uri`),
    });
  });

  test('names an application that is not registered', async () => {
    await open({ ...(await createClient()), client_id: 'an-unknown-app' }, {});
    const { client_name, fault } = await read({ client_id: 'an-unknown-app' });
    assert.equal(client_name, null);
    assert.match(String(fault?.cause), /^The `client_id` is unknown/);
    assert.match(String(fault?.remedy), /latchkey client list/);
  });

  test('stops at a wrong secret, after the steps in the browser', async () => {
    const client = await createClient();
    const { request, code } = await getCode(client);
    await redeem(shared.server, { ...client, client_secret: 'wrong' }, request, code);
    await assertStopped(client, {
      names: /request, sign_in, consent, code, token refused$/,
      whose: /^The application\.$/,
      cause: /^The secret is wrong or missing/,
      remedy: new RegExp(`rotate-secret ${client.client_id}`),
    });
  });

  test('stops where PKCE is missing', async () => {
    const client = await createClient({ public: true });
    await open(client, NO_PKCE);
    await assertStopped(client, {
      names: /request refused$/,
      whose: /^The application\.$/,
      cause: /--pkce always/,
      remedy: /Turn on PKCE in the application\./,
    });
  });

  test('stops where the user denied it, which is no fault', async () => {
    const client = await createClient();
    await walk(new Browser(shared.server.issuer), authorization(client), ada, 'deny');
    await assertStopped(client, {
      names: /request, sign_in, consent refused$/,
      whose: /^Nobody: the user decided so/,
      cause: /^The user chose not to allow it\.$/,
      remedy: /^Nothing\.$/,
    });
  });

  test('stops at a scope that the application may not have', async () => {
    const client = await createClient();
    await open(client, { scope: 'groups' });
    await assertStopped(client, {
      names: /request refused$/,
      whose: /^The application, or its registration/,
      cause: /only scopes that it is not registered for/,
      remedy: new RegExp(`latchkey client update ${client.client_id} --scope`),
    });
  });

  test('stops at a scope that the account may not have', async () => {
    const client = await createClient();
    const request = authorization(client, { scope: 'email', nonce: undefined });
    await walk(new Browser(shared.server.issuer), request, bob);
    await assertStopped(client, {
      names: /sign_in, request refused$/,
      whose: /^The account/,
      cause: /^The account may have none/,
      remedy: /latchkey account update/,
    });
  });

  test('says when a code was used twice', async () => {
    const client = await createClient();
    const { request, tokens, answer } = await signInWith(shared.server, client, ada);
    assert.equal(tokens.status, 200);
    await redeem(shared.server, client, request, answer.get('code'));
    await assertStopped(client, {
      names: /code, token, token refused$/,
      whose: /^The application\.$/,
      cause: /^The code was sent twice/,
      remedy: /^Exchange each code once/,
    });
  });

  test('says when a code came too late', async (t) => {
    const client = await createClient();
    const { request, code } = await getCode(client);
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 120_000 });
    await redeem(shared.server, client, request, code);
    t.mock.timers.reset();
    await assertStopped(client, {
      names: /code, token refused$/,
      whose: /^The application\.$/,
      cause: /^The code is older than a minute\.$/,
      remedy: /Check the clocks/,
    });
  });

  test('says a minute later that nobody exchanged the code', async () => {
    const client = await createClient();
    await getCode(client);
    assert.equal((await read(client)).ending, 'waiting');
    const { knex } = shared.server.database;
    const rows = await knex('T_traces').where('client_id', client.client_id);
    const read1 = rows.map(({ steps }) => ({
      id: 'r',
      attemptId: 'a',
      clientId: client.client_id,
      clientName: 'Fieldnotes',
      redirectUris: [],
      registeredAt: null,
      accountId: null,
      username: null,
      steps: JSON.parse(steps),
    }));
    const story = toStory(read1, Date.now() + 61_000);
    assert.deepEqual([story.ending, story.stopped_at], ['stopped', 'token']);
    assert.match(String(story.fault?.cause), /never sent it to `\/token`/);
    assert.match(String(story.fault?.remedy), /log of the application/);
  });

  test('stops where the token is refused at its first use', async () => {
    const client = await createClient({ scope: 'openid profile calendar:read' });
    const { tokens } = await signInWith(shared.server, client, ada, {
      scope: 'profile',
      nonce: undefined,
    });
    await me(tokens.body.access_token);
    await assertStopped(client, {
      names: /code, token, use refused$/,
      whose: /^The application, or its registration/,
      cause: /no scope `openid`/,
      remedy: /Request `openid`/,
    });
  });

  test('stops where introspection does not know the token', async () => {
    const client = await createClient();
    await call(shared.server, client, '/token/introspection', { token: 'x' });
    await assertStopped(client, {
      names: /use refused$/,
      whose: /^The application, or its registration/,
      cause: /no longer valid/,
      remedy: /--resource-server/,
    });
  });

  test('stops where a pushed request, or a DPoP proof, is required and missing', async () => {
    const pushing = await createClient({ requirePar: true });
    await open(pushing, {});
    await assertStopped(pushing, {
      names: /request refused$/,
      whose: /^The application\.$/,
      cause: /--require-par/,
      remedy: new RegExp(`latchkey client update ${pushing.client_id} --no-require-par`),
    });
    const bound = await createClient({ requireDpop: true });
    const { request, code } = await getCode(bound);
    await redeem(shared.server, bound, request, code);
    await assertStopped(bound, {
      names: /code, token refused$/,
      whose: /^The application\.$/,
      cause: /--require-dpop/,
      remedy: new RegExp(`latchkey client update ${bound.client_id} --no-require-dpop`),
    });
  });
});
