import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { shareServer } from '../support/shared-server.ts';
import { startMotion } from '../support/upstream/motion.ts';
import { latchkey } from '../support/warm-command.ts';

describe('latchkey connection', () => {
  const shared = shareServer({ config: { allowPrivateServices: true } });
  const run = (...args: string[]) => latchkey(['connection', ...args], { url: shared.server.storage.url });
  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(...args, '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  let id = '';

  before(async () => {
    assert.deepEqual(await json('list'), []);
    const ada = await shared.server.createAccount('ada');
    await shared.server.createAccount('mei');
    const saved = await shared.server.services.connections.vault.save({
      accountId: ada.id,
      service: 'google',
      identity: { id: 'g-1', email: 'ada@gmail.example', displayName: 'Ada \u009bat Google' },
      accessLevel: 'read',
      tokens: { accessToken: 'canary-access', refreshToken: 'canary-refresh', tokenType: 'Bearer' },
    });
    id = saved.id;
  });

  test('list names the connections of everybody, or of one account, and no token', async () => {
    const listed = await json('list');
    assert.deepEqual(
      listed.map((one: { id: string }) => one.id),
      [id],
    );
    assert.deepEqual(
      [listed[0].service, listed[0].email, listed[0].status],
      ['google', 'ada@gmail.example', 'active'],
    );
    assert.equal((await json('list', '--account', 'ada')).length, 1);
    assert.deepEqual(await json('list', '--account', 'mei'), []);
    const { stdout } = await run('list');
    assert.match(stdout, /google {2}ada@gmail\.example {2}active/);
    assert.doesNotMatch(`${stdout}${(await run('list', '--json')).stdout}`, /canary|\u009b/);
    const unknown = await run('list', '--account', 'nobody');
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /nobody/);
  });

  test('doctor finds credentials whose key is missing', async () => {
    const { url } = shared.server.storage;
    const { knex } = shared.server.database;
    assert.match((await latchkey(['doctor'], { url })).stdout, /connections +1 with readable credentials/);
    const row = () => knex('T_oauth_tokens').where({ active_slot: id });
    const { access_token_sealed: sealed } = await row().first();
    await row().update({ access_token_sealed: sealed.replace(/^v1\.\w+/, 'v1.00000000') });
    const { stdout } = await latchkey(['doctor'], { url });
    assert.match(
      stdout,
      /WRONG +connections +1 credential is sealed with a key that is not in LATCHKEY_SECRETS/,
    );
    await row().update({ access_token_sealed: sealed });
  });

  test('sync reads what a connection allows, and fails for one that cannot be used', async (t) => {
    const motion = await startMotion(t);
    const { vault, services } = shared.server.services.connections;
    await services.add(
      { accountId: null },
      { name: 'motion', preset: 'motion', baseUrl: motion.url, change: {} },
    );
    const mei = await shared.server.services.accounts.show('mei');
    const saved = await vault.save({
      accountId: mei.id,
      service: 'motion',
      identity: { id: 'm-1' },
      accessLevel: 'admin',
      tokens: { accessToken: motion.apiKey, tokenType: 'api_key' },
    });
    const env = { LATCHKEY_ALLOW_PRIVATE_SERVICES: 'true' };
    const sync = (...args: string[]) =>
      latchkey(['connection', 'sync', ...args], { url: shared.server.storage.url, env });
    const { code, stdout, stderr } = await sync(saved.id, '--json');
    assert.equal(code, 0, stderr);
    const { id: synced, results } = JSON.parse(stdout);
    assert.deepEqual(
      [synced, ...results.map((one: { resource: string; items: number }) => `${one.resource} ${one.items}`)],
      [saved.id, 'user 1', 'workspaces 2'],
    );
    assert.match((await sync(saved.id)).stdout, /user {2}full_sync {2}completed/);
    const rows = await shared.server.database.knex('T_sync_logs').where({ account_id: mei.id });
    assert.equal(rows.length, 4);
    assert.doesNotMatch(`${stdout}${JSON.stringify(rows)}`, new RegExp(motion.apiKey));
    motion.knobs.keys.clear();
    assert.match((await sync(saved.id)).stdout, /failed.*needs_reconnect/);
    for (const unusable of [saved.id, 'unknown']) {
      const refused = await sync(unusable, '--json');
      assert.deepEqual([refused.code, refused.stdout], [1, '']);
    }
    assert.equal((await sync()).code, 2);
    await vault.remove({ id: saved.id, accountId: mei.id, service: 'motion' }, { actorId: null });
  });

  test('disconnect ends a connection, once', async () => {
    const mei = await shared.server.services.accounts.show('mei');
    const saved = await shared.server.services.connections.vault.save({
      accountId: mei.id,
      service: 'google',
      identity: { id: 'g-2' },
      accessLevel: 'read',
      tokens: { accessToken: 'canary-access', tokenType: 'Bearer' },
    });
    const expected = { disconnected: saved.id, service: 'google', revoked: false };
    assert.deepEqual(await json('disconnect', saved.id), expected);
    const again = await run('disconnect', saved.id);
    assert.deepEqual([again.code, /There is no connection/.test(again.stderr)], [1, true]);
    assert.deepEqual(await json('list', '--account', 'mei'), []);
  });

  test('reseal says how many it sealed, and that none is left', async () => {
    assert.deepEqual(await json('reseal'), {
      resealed: 0,
      unchanged: 1,
      damaged: [],
      services: { resealed: 0, unchanged: 0, damaged: [] },
    });
    assert.match((await run('reseal')).stdout, /0 sealed again\. 1 had the newest key already/);
    assert.equal((await run('reseal', 'everything')).code, 2);
  });

  test('reseal fails if something cannot be read, and names it', async () => {
    const { knex } = shared.server.database;
    const row = () => knex('T_oauth_tokens').where({ active_slot: id });
    const { access_token_sealed: sealed } = await row().first();
    await row().update({ access_token_sealed: sealed.replace(/^v1\.\w+/, 'v1.00000000') });
    const { code, stdout, stderr } = await run('reseal', '--json');
    assert.equal(code, 1);
    assert.deepEqual(JSON.parse(stdout).damaged, [id]);
    assert.match(stderr, new RegExp(`These cannot be read, and were left: connection ${id}`));
    assert.match((await run('reseal')).stderr, new RegExp(id));
    await row().update({ access_token_sealed: sealed });
  });
});
