import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openDatabase } from '../../src/database/open.ts';
import { selectOne, sql } from '../../src/database/statement-builders.ts';
import { uuidv7 } from '../../src/kit/ids.ts';
import { storageOf } from '../support/builders/token-storage.ts';
import { commandLine, missingShell } from '../support/database-shell.ts';
import { engines } from '../support/engines.ts';
import { openWorld } from '../support/world.ts';

/** Run in a time zone far from UTC. test/docs/statements.test.ts runs every statement of docs/DATABASE.md. */
const CLEAN_UP = 'DELETE FROM T_authorization_requests WHERE expires_at < CURRENT_TIMESTAMP';
const LOCKED =
  'SELECT a.email, c.locked_until, c.failed_login_attempts FROM T_accounts a JOIN T_credentials c ON a.id = c.account_id WHERE c.locked_until > CURRENT_TIMESTAMP';

const SELECT_LAST_LOGIN = selectOne({
  columns: 'last_login_at',
  from: 'T_accounts',
  where: sql`id = ${'id'}`,
});

const MINUTE = 60_000;

const ZONE = 'Pacific/Auckland';

for (const engine of engines) {
  describe(`the documented queries at the command line of ${engine}`, { skip: missingShell(engine) }, () => {
    const around = { past: -MINUTE, 'long past': -1500 * MINUTE, soon: MINUTE, later: 1500 * MINUTE };

    test('the clean-up of authorization requests deletes expired rows, and no others', async (t) => {
      const { database, storage } = await openWorld(t, engine);
      for (const [name, ms] of Object.entries(around)) {
        const text = Object.fromEntries(
          ['redirect_uri', 'scope', 'response_type', 'payload'].map((column) => [column, '']),
        );
        await database.knex('T_authorization_requests').insert({
          id: uuidv7(),
          created_at: new Date(),
          uid_hash: name,
          client_id: 'a',
          status: 'pending',
          ...text,
          expires_at: new Date(Date.now() + ms),
        });
      }
      commandLine(storage, CLEAN_UP, ZONE);
      const left = await database.knex('T_authorization_requests').select('uid_hash');
      assert.deepEqual(left.map((row) => row.uid_hash).toSorted(), ['later', 'soon']);
    });

    test('the clean-up of trusted browsers and rate limits deletes expired rows, and no others', async (t) => {
      const { database, storage, createAccount } = await openWorld(t, engine);
      const { id: account_id } = await createAccount();
      const { knex } = database;
      for (const [name, ms] of Object.entries(around)) {
        const common = { created_at: new Date(), expires_at: new Date(Date.now() + ms) };
        await knex('T_rate_limits').insert({ ...common, id: uuidv7(), key_hash: name, points: 1 });
        const counts = { failed_login_attempts: 0, last_used_at: new Date() };
        await knex('T_known_browsers').insert({
          ...common,
          ...counts,
          id: uuidv7(),
          account_id,
          token_hash: name,
        });
      }
      for (const [table, column] of Object.entries({
        T_rate_limits: 'key_hash',
        T_known_browsers: 'token_hash',
      })) {
        commandLine(storage, `DELETE FROM ${table} WHERE expires_at < CURRENT_TIMESTAMP`, ZONE);
        const left = await knex(table).orderBy(column).pluck(column);
        assert.deepEqual(left, ['later', 'soon']);
      }
    });

    test('the query for locked accounts lists those whose lock has not ended', async (t) => {
      const { database, storage, createAccount } = await openWorld(t, engine);
      for (const [name, ms] of Object.entries(around)) {
        const { id } = await createAccount(name.replace(' ', '-'));
        const set = { locked_until: new Date(Date.now() + ms), failed_login_attempts: 7 };
        await database.knex('T_credentials').where({ account_id: id }).update(set);
      }
      const lines = commandLine(storage, LOCKED, ZONE).trim().split('\n').sort();
      assert.deepEqual(
        lines.map((line) => line.split(/[|\t]/).toSpliced(1, 1)),
        [
          ['later@harbour.example', '7'],
          ['soon@harbour.example', '7'],
        ],
      );
    });
  });

  describe(`rows that the server wrote, read at the command line of ${engine}`, {
    skip: missingShell(engine),
  }, () => {
    const storage = storageOf(engine);

    test('an interaction that expires in a minute stays, one that expired a minute ago is deleted', async () => {
      const { of, request, database, url } = storage();
      const seconds = Math.floor(Date.now() / 1000);
      for (const [uid, exp] of Object.entries({ over: seconds - 60, open: seconds + 60 })) {
        const params = { client_id: 'fieldnotes' };
        await request(() =>
          of('Interaction').upsert(uid, { kind: 'Interaction', exp, cid: uid, params, jti: uid }),
        );
      }
      commandLine({ engine, url }, CLEAN_UP, ZONE);
      assert.equal((await database.knex('T_authorization_requests')).length, 1);
      assert.equal(await request(() => of('Interaction').find('over')), undefined);
      assert.equal((await request(() => of('Interaction').find('open')))?.cid, 'open');
    });

    test('times are read as they were written, to the millisecond', async () => {
      const { accountId, url } = storage();
      const at = new Date('2031-03-30T02:30:00.123Z');
      const database = openDatabase(url);
      await database.knex('T_accounts').where({ id: accountId }).update({ last_login_at: at });
      const row = await database.driver.readOne(SELECT_LAST_LOGIN, { id: accountId });
      await database.close();
      const text = row?.last_login_at;
      const parsed = text instanceof Date ? text : new Date(`${String(text).replace(' ', 'T')}Z`);
      assert.equal(parsed.getTime(), at.getTime());
      const printed = commandLine({ engine, url }, 'SELECT last_login_at FROM T_accounts', ZONE);
      assert.match(printed, /2031-03-30 (02:30:00|15:30:00)\.123/);
    });
  });
}
