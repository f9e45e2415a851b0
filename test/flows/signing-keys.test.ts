import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeProtectedHeader } from 'jose';
import type { SigningKey } from '../../src/oidc/signing-keys/index.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  redeem,
  signInWith,
} from '../support/builders/authorization.ts';
import { latchkey } from '../support/warm-command.ts';
import { openWorld } from '../support/world.ts';

const DAY = 86_400_000;

test('latchkey signing-key rotates and retires keys under two running servers', async (t) => {
  const world = await openWorld(t, 'sqlite');
  const servers = [await world.start(), await world.start()];
  const [first] = servers as [(typeof servers)[number]];
  const client = await world.createClient({ firstParty: true });
  const { browser } = await signInWith(first, client, await world.createAccount());
  const { knex } = world.database;

  async function command(...args: string[]): Promise<SigningKey[]> {
    const { code, stdout, stderr } = await latchkey(['signing-key', ...args, '--json'], world.storage);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  }
  const kidOf = (keys: SigningKey[], status: string) =>
    keys.find((key) => key.alg === 'RS256' && key.status === status)?.kid ?? assert.fail();
  async function signsWith(issuer: string): Promise<string | undefined> {
    const request = authorization(client, { prompt: 'none' });
    const code = answerOf(await browser.get(authorizeUrl(request))).get('code');
    const { status, body } = await redeem({ issuer }, client, request, code);
    assert.equal(status, 200, JSON.stringify(body));
    return decodeProtectedHeader(String(body.id_token)).kid;
  }
  /** Each server reads the keys every five seconds, and half as much again at most. */
  async function assertAllSignWith(kid: string): Promise<void> {
    const until = performance.now() + 10_000;
    for (const { issuer } of servers)
      while ((await signsWith(issuer)) !== kid) {
        assert.ok(performance.now() < until, `${issuer} signs with another key`);
        await sleep(200);
      }
  }

  const before = await command('list');
  assert.equal(before.length, 6);
  assert.equal(await signsWith(first.issuer), kidOf(before, 'active'));

  const rotated = await command('rotate');
  assert.equal(kidOf(rotated, 'active'), kidOf(before, 'next'));
  assert.equal(kidOf(rotated, 'retired'), kidOf(before, 'active'));
  await assertAllSignWith(kidOf(before, 'next'));

  const early = await latchkey(['signing-key', 'rotate'], world.storage);
  assert.equal(early.code, 1);
  const unknown = await latchkey(['signing-key', 'rotate', '--alg', 'none'], world.storage);
  assert.match(unknown.stderr, /Allowed choices are RS256, ES256, EdDSA/);
  assert.match(early.stderr, /^The next \w+ key was published at .*Rotate after .*signing-key retire KID\n$/);

  const retired = await command('retire', kidOf(rotated, 'active'));
  assert.equal(retired.find(({ kid }) => kid === kidOf(rotated, 'active'))?.published, false);
  await assertAllSignWith(kidOf(rotated, 'next'));
  const missing = await latchkey(['signing-key', 'retire', 'no-such-key'], world.storage);
  assert.equal(missing.stderr, 'There is no signing key no-such-key.\n');

  const { stdout } = await latchkey(['signing-key', 'list'], world.storage);
  assert.match(stdout, /^kid +alg +status +signs from +retired at +published\n/);
  for (const { private_jwk_sealed } of await knex('T_signing_keys'))
    assert.match(private_jwk_sealed, /^v1\./);
});

test('latchkey doctor names the keys that should have been rotated', async (t) => {
  const world = await openWorld(t, 'sqlite');
  const { knex } = world.database;
  const doctor = async () => {
    const { stdout } = await latchkey(['doctor', '--json'], world.storage);
    return JSON.parse(stdout).find(({ check }: { check: string }) => check === 'signing keys');
  };
  assert.equal((await doctor()).ok, true);
  await knex('T_signing_keys')
    .where({ alg: 'ES256', status: 'active' })
    .update({ not_before: new Date(Date.now() - 101 * DAY) });
  const { ok, says } = await doctor();
  assert.equal(ok, false);
  assert.match(says, /^too old: ES256 since 20\d\d-\d\d-\d\d\. .*npx latchkey signing-key rotate$/);
});
