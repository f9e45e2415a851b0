import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecrets } from '../../src/kit/secrets.ts';
import { createSigningKeys } from '../../src/oidc/signing-keys/index.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
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
import { QUICK_LOADING } from '../support/child-environment.ts';
import { SECRETS } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';
import { rounds } from '../support/world.ts';

const rotateProcess = resolve(import.meta.dirname, '../support/rotate-keys-process.js');

for (const engine of engines) {
  describe(`at a fault, the signing keys on ${engine}`, () => {
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
      for (let round = 0; round < rounds(2); round += 1) {
        const child = spawn(process.execPath, [
          ...QUICK_LOADING,
          rotateProcess,
          server.storage.url,
          String(now),
        ]);
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
