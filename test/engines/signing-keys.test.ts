import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  signInWith,
} from '../support/builders/authorization.ts';
import {
  acceptsHint,
  after,
  assertConsistent,
  kidOf,
  kidOfKey,
  MINUTE,
  OPERATOR,
  publishedKids,
  startTwo,
} from '../support/builders/signing-keys.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';
import { rounds } from '../support/world.ts';

const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

for (const engine of engines) {
  describe(`the signing keys on ${engine}`, () => {
    test('are rotated under load: two servers refuse no token, and a client library verifies each', async (t) => {
      const { first, second, at, client, person } = await startTwo(t, engine);
      const { browser, tokens } = await signInWith(first, client, person);
      let isOver = false;
      let library = createRemoteJWKSet(new URL(`${at[1]}/jwks`));
      const seen = new Set<unknown>();
      let issued = 0;

      async function load(turn: number): Promise<void> {
        const own = Object.assign(new Browser(first.issuer), { cookies: new Map(browser.cookies) });
        for (let step = turn; !isOver; step += 1) {
          const verify = library;
          const request = authorization(client, { prompt: 'none' });
          const code = answerOf(await own.get(authorizeUrl(request))).get('code');
          const issuer = at[step % 2] as string;
          const { status, body } = await redeem({ issuer }, client, request, code);
          assert.equal(status, 200, JSON.stringify(body));
          const { protectedHeader } = await jwtVerify(String(body.id_token), verify, {
            issuer: first.issuer,
            audience: client.client_id,
          });
          assert.ok(
            await acceptsHint(at[(step + 1) % 2] as string, body.id_token),
            'the other server accepts it',
          );
          seen.add(protectedHeader.kid);
          issued += 1;
        }
      }
      const refreshing = (async () => {
        // The second server learns everything later than the first.
        for (let turn = 0; !isOver; turn += 1) {
          await first.refreshKeys();
          if (turn % 3 === 2) await second.refreshKeys();
          await sleep(50);
        }
      })();
      const workers = [0, 1].map(load);
      async function rotateThrice(): Promise<void> {
        for (let round = 1; round <= 3; round += 1) {
          // Once the second server has loaded the next key, so does a client that did not know it.
          await sleep(200);
          library = createRemoteJWKSet(new URL(`${at[1]}/jwks`));
          await library({ alg: 'RS256', kid: await kidOfKey(first, 'next') });
          const rotated = await first.services.signingKeys.rotate(OPERATOR, after(round * 2 * MINUTE));
          assert.equal(rotated.length, 3);
          await sleep(300);
        }
      }
      const rotating = rotateThrice().finally(() => {
        isOver = true;
      });
      await Promise.all([rotating, ...workers, refreshing]).finally(() => {
        isOver = true;
      });
      assert.equal(seen.size, 4, 'each of the four keys has signed');
      assert.ok(issued > 8, `${issued} tokens`);
      for (const issuer of at) assert.ok(await acceptsHint(issuer, tokens.body.id_token));
    });

    test('are rotated once by the job when they are 90 days old, and leave after their time', async (t) => {
      const { first, second, at, client, person } = await startTwo(t, engine);
      const { tokens } = await signInWith(first, client, person);
      const [before, next] = [await kidOfKey(first, 'active'), await kidOfKey(first, 'next')];
      assert.equal(kidOf(tokens.body.id_token), before);
      const refresh = (now: Date) => Promise.all([first.refreshKeys(now), second.refreshKeys(now)]);
      await refresh(after(89 * DAY));
      assert.equal(await kidOfKey(first, 'active'), before);

      const rotated = after(91 * DAY);
      await refresh(rotated);
      await refresh(rotated);
      assert.equal(await kidOfKey(first, 'active'), next);
      const keys = await first.services.signingKeys.list();
      assert.equal(keys.length, 9, 'two servers gave one rotation');
      assertConsistent(keys);
      for (const issuer of at)
        assert.deepEqual(
          (await publishedKids(issuer)).includes(before),
          true,
          'it is published while its tokens live',
        );

      await refresh(new Date(rotated.getTime() + HOUR));
      for (const issuer of at) assert.ok((await publishedKids(issuer)).includes(before));
      await refresh(new Date(rotated.getTime() + 2 * HOUR));
      for (const issuer of at) {
        assert.ok(!(await publishedKids(issuer)).includes(before));
        assert.ok(await acceptsHint(issuer, tokens.body.id_token), 'a sign-out needs it for longer');
      }
      const { sessionMax } = first.config.ttl;
      await refresh(new Date(rotated.getTime() + sessionMax * 1000 + MINUTE));
      for (const issuer of at) assert.ok(!(await acceptsHint(issuer, tokens.body.id_token)));
      const left = await first.services.signingKeys.list();
      assert.ok(!left.some(({ kid }) => kid === before));
    });

    test('are rotated once when two servers do it at the same moment', async (t) => {
      const { first, second } = await startTwo(t, engine);
      for (let round = 1; round <= rounds(5); round += 1) {
        const now = after(round * 2 * MINUTE);
        const results = await Promise.allSettled(
          [first, second, first, second].map(({ services }) => services.signingKeys.rotate(OPERATOR, now)),
        );
        const done = results.filter((one) => one.status === 'fulfilled' && one.value.length > 0);
        assert.equal(done.length, 1);
        for (const { reason } of results as { reason?: { code: string } }[])
          if (reason) assert.equal(reason.code, 'signing_key_too_new');
        const keys = await first.services.signingKeys.list();
        assertConsistent(keys);
        assert.equal(keys.length, 6 + 3 * round);
      }
      const events = await first.database.knex('T_auth_audit_log').where({ action: 'signing_key.rotated' });
      assert.equal(events.length, 3 * rounds(5));
    });

    test('of a JWT access token are published for as long as it lives', async (t) => {
      const { first, second, at } = await startTwo(t, engine);
      const resource = 'https://notes.example/api';
      const scope = 'notes:read';
      const jwt = { identifier: resource, scope, format: 'jwt', ttl: 3600 } as const;
      await first.services.resources.create(OPERATOR, jwt);
      const service = await first.createClient({
        scope,
        grantTypes: ['client_credentials'],
        redirectUris: [],
      });
      const verify = createRemoteJWKSet(new URL(`${at[1]}/jwks`));
      async function getToken(issuer: string): Promise<{ token: string; kid: unknown }> {
        const fields = { grant_type: 'client_credentials', scope, resource };
        const { body } = await call({ issuer }, service, '/token', fields);
        const token = String(body.access_token);
        const { protectedHeader } = await jwtVerify(token, verify, { audience: resource });
        return { token, kid: protectedHeader.kid };
      }
      const before = await getToken(at[0]);
      await first.services.signingKeys.rotate(OPERATOR);
      for (const server of [first, second]) await server.refreshKeys();
      for (const issuer of at) assert.notEqual((await getToken(issuer)).kid, before.kid);
      for (const server of [first, second]) await server.refreshKeys(after(HOUR));
      const later = createRemoteJWKSet(new URL(`${at[1]}/jwks`));
      await jwtVerify(before.token, later, { audience: resource });
    });

    test('are not rotated as long as another server may not have loaded the next one', async (t) => {
      const { services } = await startServer(t, engine);
      const { signingKeys } = services;
      assert.equal(
        (await signingKeys.rotate(OPERATOR)).length,
        3,
        'nobody knows the keys without the first next one',
      );
      await assert.rejects(signingKeys.rotate(OPERATOR), { kind: 'conflict', code: 'signing_key_too_new' });
      await assert.rejects(signingKeys.rotate(OPERATOR, after(59_000)), { code: 'signing_key_too_new' });
      assert.equal((await signingKeys.rotate(OPERATOR, after(61_000))).length, 3);
    });

    test('of one algorithm are rotated alone', async (t) => {
      const { signingKeys } = (await startServer(t, engine)).services;
      const listActive = async () => (await signingKeys.list()).filter(({ status }) => status === 'active');
      const before = await listActive();
      const next = (await signingKeys.list()).find((key) => key.alg === 'RS256' && key.status === 'next');
      assert.deepEqual(await signingKeys.rotate(OPERATOR, after(61_000), 'RS256'), [next?.kid]);
      for (const { alg, kid } of await listActive())
        assert.equal(
          before.some((key) => key.kid === kid),
          alg !== 'RS256',
          alg,
        );
    });
  });
}
