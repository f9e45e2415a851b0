import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { createSecrets } from '../../src/kit/secrets.ts';
import { createSigningKeys } from '../../src/oidc/signing-keys/index.ts';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  signInWith,
} from '../support/builders/authorization.ts';
import { createMigratedDatabase, SECRETS } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { rounds } from '../support/world.ts';

const OPERATOR = { accountId: null };
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const HOME = 'https://fieldnotes.example/home';
const rotateProcess = resolve(import.meta.dirname, '../support/rotate-keys-process.js');

const after = (ms: number) => new Date(Date.now() + ms);
const kidOf = (jwt: unknown) => decodeProtectedHeader(String(jwt)).kid;

/** Two servers on one database, and an application that people are asked nothing by. */
async function startTwo(t: Parameters<typeof startServer>[0], engine: (typeof engines)[number]) {
  const storage = await createMigratedDatabase(engine);
  t.after(() => storage.drop());
  const first = await startServer(t, engine, { storage });
  const second = await startServer(t, engine, { storage, config: { issuer: first.issuer } });
  const secondAt = `http://127.0.0.1:${second.config.port}`;
  const client = await first.createClient({ firstParty: true, postLogoutRedirectUris: [HOME] });
  const person = await first.createAccount();
  return { first, second, at: [first.issuer, secondAt] as const, client, person };
}

async function publishedKids(issuer: string): Promise<string[]> {
  const { keys } = (await (await fetch(`${issuer}/jwks`)).json()) as { keys: { kid: string; d?: string }[] };
  assert.ok(
    keys.every((key) => key.d === undefined),
    'no private key is published',
  );
  return keys.map(({ kid }) => kid);
}

async function kidOfKey({ services }: TestServer, status: string, alg = 'RS256'): Promise<string> {
  const keys = await services.signingKeys.list();
  return keys.find((key) => key.status === status && key.alg === alg)?.kid ?? assert.fail();
}

/** One active and one next key for each algorithm. */
function assertConsistent(keys: { alg: string; status: string }[]): void {
  const inUse = keys.filter(({ status }) => status !== 'retired');
  assert.deepEqual(inUse.map(({ alg, status }) => `${alg} ${status}`).sort(), [
    'ES256 active',
    'ES256 next',
    'EdDSA active',
    'EdDSA next',
    'RS256 active',
    'RS256 next',
  ]);
}

/** Signs out with an ID token, in a browser without a session. @returns whether the token was accepted */
async function acceptsHint(issuer: string, idToken: unknown): Promise<boolean> {
  const query = new URLSearchParams({
    id_token_hint: String(idToken),
    post_logout_redirect_uri: HOME,
  });
  const answer = await new Browser(issuer).get(`/session/end?${query}`);
  assert.ok(answer.status === 303 || answer.status === 400, `status ${answer.status}`);
  return answer.headers.get('location') === HOME;
}

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
      const workers = [0, 1, 2, 3].map(load);
      async function rotateThrice(): Promise<void> {
        for (let round = 1; round <= 3; round += 1) {
          // Once the second server has loaded the next key, so does a client that did not know it.
          await sleep(400);
          library = createRemoteJWKSet(new URL(`${at[1]}/jwks`));
          await library({ alg: 'RS256', kid: await kidOfKey(first, 'next') });
          const rotated = await first.services.signingKeys.rotate(OPERATOR, after(round * 2 * MINUTE));
          assert.equal(rotated.length, 3);
          await sleep(600);
        }
      }
      const rotating = rotateThrice().finally(() => {
        isOver = true;
      });
      await Promise.all([rotating, ...workers, refreshing]).finally(() => {
        isOver = true;
      });
      assert.equal(seen.size, 4, 'each of the four keys has signed');
      assert.ok(issued > 20, `${issued} tokens`);
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

    test('that leaked are rejected on every server, and the next one signs', async (t) => {
      const { first, second, at, client, person } = await startTwo(t, engine);
      const leaked = await signInWith(first, client, person);
      const [active, next] = [await kidOfKey(first, 'active'), await kidOfKey(first, 'next')];
      await first.services.signingKeys.retire(OPERATOR, active);
      for (const server of [first, second]) await server.refreshKeys();
      assertConsistent(await first.services.signingKeys.list());
      for (const issuer of at) {
        assert.ok(!(await publishedKids(issuer)).includes(active));
        assert.ok(!(await acceptsHint(issuer, leaked.tokens.body.id_token)));
        const request = authorization(client, { prompt: 'none' });
        const code = answerOf(await leaked.browser.get(authorizeUrl(request))).get('code');
        const { body } = await redeem({ issuer }, client, request, code);
        assert.equal(kidOf(body.id_token), next);
      }
      const afterwards = await kidOfKey(first, 'next');
      await first.services.signingKeys.retire(OPERATOR, afterwards);
      await first.services.signingKeys.retire(OPERATOR, active);
      await first.refreshKeys();
      assert.ok(!(await publishedKids(first.issuer)).includes(afterwards));
      assertConsistent(await first.services.signingKeys.list());
      await assert.rejects(first.services.signingKeys.retire(OPERATOR, 'unknown'), { kind: 'not_found' });
    });

    test('that another server has just created are read before their signature is refused', async (t) => {
      const { first, at, client, person } = await startTwo(t, engine);
      const { browser, tokens } = await signInWith(first, client, person);
      const { signingKeys } = first.services;
      // The key that signs is one that the second server has never read.
      await signingKeys.retire(OPERATOR, await kidOfKey(first, 'next'));
      await signingKeys.retire(OPERATOR, await kidOfKey(first, 'active'));
      await first.refreshKeys();
      const request = authorization(client, { prompt: 'none' });
      const code = answerOf(await browser.get(authorizeUrl(request))).get('code');
      const { body } = await redeem({ issuer: at[0] }, client, request, code);
      assert.equal(kidOf(body.id_token), await kidOfKey(first, 'active'));
      assert.ok(await acceptsHint(at[1], body.id_token));
      for (const issuer of at) assert.ok(!(await acceptsHint(issuer, tokens.body.id_token)));
    });

    test('stay consistent when the server that rotates them is killed', async (t) => {
      const server = await startServer(t, engine);
      let now = Date.now() + 2 * MINUTE;
      let rotations = 0;
      for (let round = 0; round < rounds(4); round += 1) {
        const child = spawn(process.execPath, [rotateProcess, server.storage.url, String(now)]);
        let output = '';
        child.stdout.on('data', (chunk) => {
          output += chunk;
        });
        while (!output.includes('\n')) await once(child.stdout, 'data');
        await sleep(Math.random() * 400);
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
        const lines = output.trim().split('\n');
        rotations += lines.length;
        const keys = await server.services.signingKeys.list();
        assertConsistent(keys);
        const retired = keys.filter(({ status }) => status === 'retired').length / 3;
        assert.ok(retired === rotations || retired === rotations + 1, `${retired} of ${rotations}`);
        rotations = retired;
        now += (lines.length + 2) * 2 * MINUTE;
        await server.refreshKeys(new Date(now));
        assert.equal((await publishedKids(server.issuer))[0] !== undefined, true);
      }
    });

    test('that a server cannot decrypt do not stop it: it signs with its own until it is restarted', async (t) => {
      const { first, second, at, client, person } = await startTwo(t, engine);
      const { browser } = await signInWith(first, client, person);
      const before = await kidOfKey(first, 'active');
      const { knex } = first.database;
      const secrets = createSecrets(['a-new-secret-that-only-one-server-has', ...SECRETS]);
      const restarted = createSigningKeys({ knex, secrets, keepFor: 0 });
      await restarted.rotate(OPERATOR, new Date());
      await restarted.rotate(OPERATOR, after(2 * MINUTE));
      await second.refreshKeys();
      const request = authorization(client, { prompt: 'none' });
      const code = answerOf(await browser.get(authorizeUrl(request))).get('code');
      const { body } = await redeem({ issuer: at[1] }, client, request, code);
      assert.equal(kidOf(body.id_token), before);
      assert.ok((await publishedKids(at[1])).includes(await kidOfKey(first, 'active')));
      await assert.rejects(second.services.signingKeys.load(), { code: 'signing_key_unreadable' });
      assert.deepEqual((await restarted.load()).signing.length, 3);
    });
  });
}
