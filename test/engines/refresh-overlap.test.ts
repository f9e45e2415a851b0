import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { uuidv7 } from '../../src/kit/ids.ts';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { MAX_USES } from '../../src/oidc/storage/refresh-overlap.ts';
import { hashTokenValue } from '../../src/oidc/storage/token-values.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  refresh,
  signInWith,
  type TokenAnswer,
} from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const SCOPE = { scope: 'openid offline_access', prompt: 'consent' };

async function begin(server: TestServer, input: Parameters<TestServer['createClient']>[0] = {}) {
  const client = await server.createClient(input);
  const person = await server.createAccount();
  const { browser, tokens } = await signInWith(server, client, person, SCOPE);
  return { client, person, browser, tokens };
}

async function assertLive(server: TestServer, client: ClientDocument, { body }: TokenAnswer, live: boolean) {
  for (const token of [body.access_token, body.refresh_token]) {
    const info = await call(server, client, '/token/introspection', { token });
    assert.equal(info.body.active, live);
  }
}

/** Makes the first use of a refresh token as long ago as that. */
const age = ({ database }: TestServer, { body }: TokenAnswer, seconds: number) =>
  database
    .knex('T_refresh_tokens')
    .where({ token_hash: hashTokenValue(String(body.refresh_token)) })
    .update({ consumed_at: new Date(Date.now() - seconds * 1000) });

for (const engine of engines) {
  describe(`the overlap of refresh tokens on ${engine}`, () => {
    test('a refresh token whose answer was lost works again, and leads to a token of the same family', async (t) => {
      const server = await startServer(t, engine);
      const { client, tokens } = await begin(server);
      const answers = [
        await refresh(server, client, tokens.body.refresh_token),
        await refresh(server, client, tokens.body.refresh_token),
      ];
      for (const answer of answers) {
        assert.equal(answer.status, 200, JSON.stringify(answer.body));
        await assertLive(server, client, answer, true);
        assert.equal((await refresh(server, client, answer.body.refresh_token)).status, 200);
      }
      const families = await server.database.knex('T_refresh_tokens').distinct('family_id');
      assert.equal(families.length, 1);
      const access = await server.database.knex('T_access_tokens').distinct('family_id');
      assert.deepEqual(access, families);
    });

    test('four refreshes at once at two servers succeed, and one use too many ends the family', async (t) => {
      const server = await startServer(t, engine);
      const second = await startServer(t, engine, {
        storage: server.storage,
        config: { issuer: server.issuer },
      });
      const other = { issuer: `http://127.0.0.1:${second.config.port}` };
      const { client, tokens } = await begin(server);
      const token = tokens.body.refresh_token;
      const many = (count: number) =>
        Promise.all(Array.from({ length: count }, (_, n) => refresh(n % 2 ? server : other, client, token)));
      const four = await many(4);
      assert.deepEqual(
        four.map(({ status }) => status),
        [200, 200, 200, 200],
      );
      for (const answer of four) await assertLive(server, client, answer, true);
      const rest = await many(MAX_USES);
      assert.equal(rest.filter(({ status }) => status === 200).length <= MAX_USES - 4, true);
      assert.ok(rest.some(({ body }) => body.error === 'invalid_grant'));
      for (const answer of [...four, ...rest.filter(({ status }) => status === 200)])
        await assertLive(server, client, answer, false);
    });

    test('after the overlap a second use ends the family', async (t) => {
      const server = await startServer(t, engine);
      const { client, tokens } = await begin(server);
      const next = await refresh(server, client, tokens.body.refresh_token);
      await age(server, tokens, 9);
      assert.equal((await refresh(server, client, tokens.body.refresh_token)).status, 200);
      await age(server, tokens, 12);
      assert.equal((await refresh(server, client, tokens.body.refresh_token)).body.error, 'invalid_grant');
      await assertLive(server, client, next, false);
      const [revoked] = await server.database.knex('T_revoked_tokens');
      assert.equal(revoked.reason, 'refresh_token_reuse');
    });

    test('once a descendant was used twice, a second use ends the family', async (t) => {
      const server = await startServer(t, engine);
      const { client, tokens } = await begin(server);
      const child = await refresh(server, client, tokens.body.refresh_token);
      const grandchild = await refresh(server, client, child.body.refresh_token);
      assert.equal((await refresh(server, client, tokens.body.refresh_token)).status, 200);
      for (let times = 0; times < 2; times += 1)
        assert.equal((await refresh(server, client, grandchild.body.refresh_token)).status, 200);
      assert.equal((await refresh(server, client, tokens.body.refresh_token)).body.error, 'invalid_grant');
      await assertLive(server, client, grandchild, false);
    });

    test('the overlap can be 0, for a server and for one application, and is longer where that is set', async (t) => {
      const server = await startServer(t, engine, { config: { refreshOverlap: 0 } });
      const { client, person, tokens } = await begin(server);
      const patient = await server.createClient({ refreshOverlap: 60 });
      const long = await signInWith(server, patient, person, SCOPE);
      const next = await refresh(server, client, tokens.body.refresh_token);
      assert.equal((await refresh(server, client, tokens.body.refresh_token)).body.error, 'invalid_grant');
      await assertLive(server, client, next, false);
      await refresh(server, patient, long.tokens.body.refresh_token);
      await age(server, long.tokens, 50);
      assert.equal((await refresh(server, patient, long.tokens.body.refresh_token)).status, 200);
      const update = (seconds: string) =>
        latchkey(['client', 'update', patient.client_id, '--refresh-overlap', seconds, '--json'], {
          url: server.storage.url,
        });
      const seven = await update('7');
      assert.equal(seven.code, 0, seven.stderr);
      assert.equal(JSON.parse(seven.stdout).refresh_overlap, 7);
      const back = await update('default');
      assert.equal(back.code, 0, back.stderr);
      assert.equal(JSON.parse(back.stdout).refresh_overlap, undefined);
      const refused = await update('301');
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /A refresh overlap is a whole number of seconds from 0 to 300/);
    });

    test('another application cannot use the token in its overlap, and does not end the family', async (t) => {
      const server = await startServer(t, engine);
      const { client, tokens } = await begin(server);
      const other = await server.createClient();
      const next = await refresh(server, client, tokens.body.refresh_token);
      assert.equal((await refresh(server, other, tokens.body.refresh_token)).body.error, 'invalid_grant');
      await assertLive(server, client, next, true);
    });
  });

  describe(`a replay on ${engine}`, () => {
    /** Three sign-ins in one session: two of one first-party application, one of another. */
    async function signInThrice(server: TestServer) {
      const begun = await begin(server, { firstParty: true });
      const other = await server.createClient({ firstParty: true, name: 'Tide' });
      async function flow(client: ClientDocument) {
        const request = authorization(client, { scope: SCOPE.scope, prompt: 'none' });
        const code = answerOf(await begun.browser.get(authorizeUrl(request))).get('code');
        return { request, code, tokens: await redeem(server, client, request, code) };
      }
      const flows = [await flow(begun.client), await flow(begun.client), await flow(other)] as const;
      assert.equal((await server.database.knex('T_grants').where({ client_id: other.client_id })).length, 1);
      return { client: begun.client, other, flows };
    }

    const replays = {
      'of a refresh token': async (server: TestServer, client: ClientDocument, { tokens }: Flow) => {
        const next = await refresh(server, client, tokens.body.refresh_token);
        await age(server, tokens, 60);
        assert.equal((await refresh(server, client, tokens.body.refresh_token)).body.error, 'invalid_grant');
        return next;
      },
      'of a code': async (server: TestServer, client: ClientDocument, { request, code, tokens }: Flow) => {
        assert.equal((await redeem(server, client, request, code)).body.error, 'invalid_grant');
        return tokens;
      },
      'that the application reports by revoking the token': async (
        server: TestServer,
        client: ClientDocument,
        { tokens }: Flow,
      ) => {
        await call(server, client, '/token/revocation', { token: tokens.body.refresh_token });
        return tokens;
      },
    };
    type Flow = { request: Parameters<typeof redeem>[2]; code: string | null; tokens: TokenAnswer };

    for (const [kind, replay] of Object.entries(replays))
      test(`${kind} ends that family alone: other sign-ins of the session survive`, async (t) => {
        const server = await startServer(t, engine);
        const { client, other, flows } = await signInThrice(server);
        await assertLive(server, client, await replay(server, client, flows[0]), false);
        await assertLive(server, client, flows[1].tokens, true);
        await assertLive(server, other, flows[2].tokens, true);
        assert.equal((await refresh(server, client, flows[1].tokens.body.refresh_token)).status, 200);
        assert.equal((await refresh(server, other, flows[2].tokens.body.refresh_token)).status, 200);
      });

    test('that is recorded while a token of the family is being written makes that token worthless', async (t) => {
      const server = await startServer(t, engine);
      const { client, tokens } = await begin(server);
      const { knex } = server.database;
      const [{ family_id }] = await knex('T_refresh_tokens');
      const now = new Date();
      const row = {
        id: uuidv7(),
        created_at: now,
        revoked_at: now,
        expires_at: new Date(Date.now() + 60_000),
      };
      await knex('T_revoked_tokens').insert({ ...row, token_hash: 'x', reason: 'code_replay', family_id });
      await assertLive(server, client, tokens, false);
      assert.equal((await refresh(server, client, tokens.body.refresh_token)).body.error, 'invalid_grant');
      const bearer = { authorization: `Bearer ${tokens.body.access_token}` };
      assert.equal((await fetch(`${server.issuer}/me`, { headers: bearer })).status, 401);
    });

    test('of a token that an earlier version issued revokes its grant', async (t) => {
      const server = await startServer(t, engine);
      const { client, tokens } = await begin(server);
      await server.database.knex('T_refresh_tokens').update({ family_id: null });
      await server.database.knex('T_access_tokens').update({ family_id: null });
      const next = await refresh(server, client, tokens.body.refresh_token);
      assert.equal((await refresh(server, client, tokens.body.refresh_token)).status, 200);
      await age(server, tokens, 60);
      assert.equal((await refresh(server, client, tokens.body.refresh_token)).body.error, 'invalid_grant');
      await assertLive(server, client, next, false);
    });
  });
}
