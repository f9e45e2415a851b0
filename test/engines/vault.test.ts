import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const TOKENS = 'T_oauth_tokens';

for (const engine of engines)
  describe(`the vault on ${engine}`, () => {
    const ends: (() => unknown)[] = [];
    let server: TestServer;
    before(async () => {
      server = await startServer({ after: (end: unknown) => void ends.push(end as () => unknown) }, engine);
    });
    after(async () => {
      for (const end of ends) await end();
    });

    const vault = () => server.services.connections.vault;
    const connect = (account: { id: string }, externalId: string, more: Record<string, unknown> = {}) =>
      vault().save({
        accountId: account.id,
        service: 'google',
        identity: { id: externalId, email: `${externalId}@elsewhere.example` },
        accessLevel: 'read',
        tokens: {
          accessToken: `access-of-${externalId}`,
          refreshToken: `refresh-of-${externalId}`,
          tokenType: 'Bearer',
          scope: 'calendar',
          expiresAt: new Date(Date.now() + 3_600_000),
          ...more,
        },
      });
    const rowOf = (id: string) => server.database.knex(TOKENS).where({ active_slot: id }).first();

    test('gives back what was kept, and stores no token that can be read', async () => {
      const ada = await server.createAccount('ada');
      const { id, isNew } = await connect(ada, 'ada-1');
      assert.equal(isNew, true);
      const credential = await vault().open(id);
      assert.equal(credential?.accessToken, 'access-of-ada-1');
      assert.equal(credential?.refreshToken, 'refresh-of-ada-1');
      assert.equal(credential?.scope, 'calendar');
      assert.ok(credential?.refreshDueAt && credential.expiresAt);
      assert.ok(credential.refreshDueAt < credential.expiresAt);
      const stored = JSON.stringify([await rowOf(id), await server.database.knex('T_user_providers')]);
      assert.doesNotMatch(stored, /-of-ada-1/);
      const [shown] = await vault().list(ada.id, 'google');
      assert.equal(shown?.email, 'ada-1@elsewhere.example');
    });

    test('has one connection for an account there, also when it is connected twice at once', async () => {
      const ines = await server.createAccount('ines');
      const saved = await Promise.all([1, 2, 3, 4].map(() => connect(ines, 'ines-1')));
      assert.equal(new Set(saved.map(({ id }) => id)).size, 1);
      assert.equal(saved.filter(({ isNew }) => isNew).length, 1);
      const rows = await server.database.knex(TOKENS).where({ user_provider_id: saved[0]?.id });
      assert.equal(rows.length, 4);
      const ended = rows.filter(({ active_slot }) => active_slot === null);
      assert.equal(ended.length, 3);
      for (const row of ended) {
        assert.deepEqual([row.access_token_sealed, row.refresh_token_sealed], [null, null]);
        assert.ok(row.ended_at);
      }
    });

    test('keeps the refresh token if a service issues none the second time, unless it was refused', async () => {
      const lena = await server.createAccount('lena');
      const { id } = await connect(lena, 'lena-1');
      await connect(lena, 'lena-1', { accessToken: 'newer', refreshToken: undefined });
      const credential = await vault().open(id);
      assert.deepEqual([credential?.accessToken, credential?.refreshToken], ['newer', 'refresh-of-lena-1']);
      assert.equal(await vault().markBroken(id, 'revoked'), true);
      assert.equal(await vault().markBroken(id, 'revoked'), false);
      await connect(lena, 'lena-1', { refreshToken: undefined });
      assert.equal((await vault().open(id))?.refreshToken, undefined);
      assert.equal((await vault().find(lena.id, id))?.syncStatus, 'active');
    });

    test('refuses an account that is connected to somebody else, and shows nobody another one’s', async () => {
      const mei = await server.createAccount('mei');
      const noor = await server.createAccount('noor');
      const { id } = await connect(mei, 'mei-1');
      await assert.rejects(connect(noor, 'mei-1'), { code: 'connection_taken' });
      assert.equal((await vault().open(id))?.accountId, mei.id);
      assert.deepEqual(await vault().list(noor.id), []);
      assert.equal(await vault().find(noor.id, id), undefined);
      const stranger = { id, accountId: noor.id, service: 'google' };
      assert.equal(await vault().remove(stranger, { actorId: noor.id }), false);
      assert.ok(await rowOf(id));
    });

    test('opens nothing that was changed or moved to another row, connection, person or column', async () => {
      const { knex } = server.database;
      const eve = await server.createAccount('eve');
      const otto = await server.createAccount('otto');
      const changes: Record<string, (mine: string, theirs: string) => Promise<unknown>> = {
        'one bit': async (mine) => {
          const { access_token_sealed: sealed } = await rowOf(mine);
          const flipped = `${sealed.slice(0, -3)}${sealed.at(-3) === 'A' ? 'B' : 'A'}${sealed.slice(-2)}`;
          await knex(TOKENS).where({ active_slot: mine }).update({ access_token_sealed: flipped });
        },
        'the ciphertext of another row': async (mine, theirs) => {
          const { access_token_sealed } = await rowOf(theirs);
          await knex(TOKENS).where({ active_slot: mine }).update({ access_token_sealed });
        },
        'another column': async (mine) => {
          const { refresh_token_sealed } = await rowOf(mine);
          await knex(TOKENS)
            .where({ active_slot: mine })
            .update({ access_token_sealed: refresh_token_sealed });
        },
        'the row of another connection': async (mine, theirs) => {
          await knex(TOKENS).where({ active_slot: mine }).update({ active_slot: null });
          await knex(TOKENS)
            .where({ active_slot: theirs })
            .update({ user_provider_id: mine, active_slot: mine });
        },
        'the connection of another person': async (mine) => {
          await knex('T_user_providers').where({ id: mine }).update({ account_id: otto.id });
        },
      };
      for (const [what, change] of Object.entries(changes)) {
        const mine = (await connect(eve, `eve ${what}`)).id;
        const theirs = (await connect(otto, `otto ${what}`)).id;
        const other = (await connect(otto, `other ${what}`)).id;
        await change(mine, theirs);
        for (const _ of [1, 2])
          await assert.rejects(vault().open(mine), { code: 'credential_damaged' }, what);
        assert.equal((await vault().open(other))?.accessToken, `access-of-other ${what}`, what);
        const events = await knex('T_auth_audit_log').where({ action: 'connection.damaged', target: mine });
        assert.equal(events.length, 1, what);
        const row = await knex('T_user_providers').where({ id: mine }).first();
        assert.deepEqual([row.sync_status, row.sync_error], ['error', 'credential_damaged'], what);
      }
    });

    test('stores the tokens of a refresh only for the version that was refreshed', async () => {
      const uma = await server.createAccount('uma');
      const { id } = await connect(uma, 'uma-1');
      const credential = await vault().open(id);
      assert.ok(credential);
      const fresh = { accessToken: 'second', tokenType: 'Bearer', expiresAt: new Date(Date.now() + 60_000) };
      const both = await Promise.all([
        vault().replaceTokens(credential, fresh),
        vault().replaceTokens(credential, { ...fresh, accessToken: 'third' }),
      ]);
      assert.deepEqual(both.toSorted(), [false, true]);
      const now = await vault().open(id);
      assert.equal(now?.version, 2);
      assert.equal(now.refreshToken, 'refresh-of-uma-1', 'none came, so the old one is kept');
      await connect(uma, 'uma-1');
      assert.equal(await vault().replaceTokens(now, fresh), false, 'it was connected again in the meantime');
    });

    test('destroys the credentials of a connection that is removed', async () => {
      const zoe = await server.createAccount('zoe');
      const { id } = await connect(zoe, 'zoe-1');
      assert.equal(
        await vault().remove({ id, accountId: zoe.id, service: 'google' }, { actorId: zoe.id }),
        true,
      );
      assert.equal(await vault().open(id), undefined);
      assert.equal((await server.database.knex(TOKENS).where({ user_provider_id: id })).length, 0);
    });

    test('counts uses once each', async () => {
      const pia = await server.createAccount('pia');
      const { id } = await connect(pia, 'pia-1');
      const { usage } = server.services.connections;
      for (let uses = 0; uses < 3; uses += 1) usage.recordUse(id);
      await usage.write();
      await usage.write();
      assert.equal(Number((await rowOf(id)).usage_count), 3);
      assert.ok((await vault().find(pia.id, id))?.lastUsedAt);
    });
  });
