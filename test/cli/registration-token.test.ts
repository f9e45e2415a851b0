import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { digest } from '../../src/kit/ids.ts';
import { latchkey } from '../support/warm-command.ts';
import { openWorld } from '../support/world.ts';

const command = ['client', 'registration-token'];

describe('latchkey client registration-token', () => {
  test('creates a token that is shown once and stored as a digest, lists and revokes it', async (t) => {
    const { storage, database } = await openWorld(t, 'sqlite');
    const run = (...args: string[]) => latchkey([...command, ...args], { url: storage.url });
    const created = JSON.parse(
      (
        await run(
          'create',
          '--description',
          'CI of the harbour',
          '--max-uses',
          '3',
          '--expires-in',
          '1h',
          '--json',
        )
      ).stdout,
    );
    assert.match(created.token, /^[\w-]{43}$/);
    assert.deepEqual([created.uses, created.max_uses, created.state], [0, 3, 'active']);
    const hour = new Date(created.expires_at).getTime() - Date.now();
    assert.ok(hour > 3_500_000 && hour <= 3_600_000);
    const rows = await database.knex('T_registration_tokens');
    assert.equal(rows[0].token_hash, digest(created.token));
    assert.ok(!JSON.stringify(rows).includes(created.token));
    const { token: _token, ...shown } = created;
    assert.deepEqual(JSON.parse((await run('list', '--json')).stdout), [shown]);
    assert.match((await run('list')).stdout, /active {2}0\/3 {2}CI of the harbour/);
    assert.equal(JSON.parse((await run('revoke', created.id, '--json')).stdout).state, 'revoked');
    const actions = await database.knex('T_auth_audit_log').where({ target: created.id }).pluck('action');
    assert.deepEqual(actions.toSorted(), ['registration_token.created', 'registration_token.revoked']);
  });

  test('refuses a number of uses or a time that makes no sense, and an id that does not exist', async (t) => {
    const { storage } = await openWorld(t, 'sqlite');
    const run = (...args: string[]) => latchkey([...command, ...args], { url: storage.url });
    for (const args of [
      ['--max-uses', '0'],
      ['--max-uses', 'many'],
      ['--expires-in', 'soon'],
    ]) {
      const { code, stderr } = await run('create', ...args);
      assert.deepEqual([code, stderr.trim().split('\n').length], [1, 1], stderr);
    }
    const { code, stderr } = await run('revoke', '00000000-0000-0000-0000-000000000000');
    assert.equal(code, 1);
    assert.match(stderr, /There is no registration token/);
  });
});
