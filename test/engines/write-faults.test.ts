import assert from 'node:assert/strict';
import {
  copyFileSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { describe, test } from 'node:test';
import { findClockFault } from '../../src/database/clock.ts';
import { sqliteFile } from '../../src/database/engine-of-url.ts';
import { type Database, openDatabase } from '../../src/database/open.ts';
import { createReadiness } from '../../src/database/readiness.ts';
import { insertInto } from '../../src/database/statement-builders.ts';
import { uuidv7 } from '../../src/kit/ids.ts';
import { createLog } from '../../src/kit/log.ts';
import { createMigratedDatabase } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { isInstalled, startThrowaway, temporaryFolder } from '../support/throwaway/index.ts';
import { latchkey } from '../support/warm-command.ts';

const INSERT = insertInto('T_rate_limits', ['id', 'key_hash', 'points', 'expires_at', 'created_at']);

function write({ driver }: Database): Promise<unknown> {
  const id = uuidv7();
  const now = new Date();
  const values = { id, key_hash: id, points: 1, expires_at: now, created_at: now };
  return driver.commit([{ statement: INSERT, values }]);
}

async function open(t: { after(end: () => unknown): void }, engine: (typeof engines)[number]) {
  const { url, drop } = await createMigratedDatabase(engine);
  const database = openDatabase(url, 2);
  t.after(() => database.close().then(drop));
  const findProblem = createReadiness(database, createLog('silent'));
  return { url, file: sqliteFile(url), database, findProblem };
}

describe('/readyz and doctor say why nothing can be written', { skip: !engines.includes('sqlite') }, () => {
  test('when the disk of SQLite is full, until a commit succeeds', async (t) => {
    const { database, findProblem } = await open(t, 'sqlite');
    await write(database);
    assert.equal(await findProblem(), undefined);
    const [{ page_count }] = await database.knex.raw('PRAGMA page_count');
    await database.knex.raw(`PRAGMA max_page_count = ${page_count}`);
    let failure: unknown;
    for (let count = 0; count < 500 && !failure; count += 1)
      await write(database).catch((error) => {
        failure = error;
      });
    assert.ok(failure);
    assert.match(String(await findProblem()), /Nothing can be written to the database: its disk is full\./);
    await database.knex.raw('PRAGMA max_page_count = 100000');
    await write(database);
    assert.equal(await findProblem(), undefined);
  });

  test('when the file of SQLite was cut to half its length under the server', async (t) => {
    const { file, database, findProblem } = await open(t, 'sqlite');
    await write(database);
    await database.knex.raw('PRAGMA wal_checkpoint(TRUNCATE)');
    assert.equal(await findProblem(), undefined);
    truncateSync(file, Math.floor(statSync(file).size / 2));
    assert.match(
      String(await findProblem()),
      /\.sqlite was cut short\. Stop the server and restore a backup/,
    );
    await assert.rejects(write(database), { code: 'database_unavailable' });
    assert.match(String(await findProblem()), /cut short/, 'until it is restored');
  });

  test('but not when a clean-up has made the file of SQLite smaller', async (t) => {
    const { file, database, findProblem } = await open(t, 'sqlite');
    const table = database.knex('T_rate_limits');
    for (let count = 0; count < 20; count += 1)
      await Promise.all(Array.from({ length: 50 }, () => write(database)));
    await database.knex.raw('PRAGMA wal_checkpoint(TRUNCATE)');
    assert.equal(await findProblem(), undefined);
    const before = statSync(file).size;
    await table.delete();
    await database.knex.raw('PRAGMA incremental_vacuum');
    await database.knex.raw('PRAGMA wal_checkpoint(TRUNCATE)');
    assert.ok(statSync(file).size < before);
    for (let count = 0; count < 50; count += 1) await write(database);
    assert.equal(await findProblem(), undefined);
  });

  test('when the folder of SQLite can no longer be read, and requests learn that by a 503', async (t) => {
    const { file, database, findProblem } = await open(t, 'sqlite');
    await write(database);
    const folder = dirname(file);
    renameSync(folder, `${folder}.moved`);
    // Whoever runs this, even root, gets an error from stat: ELOOP, as it would be EACCES for others.
    symlinkSync(folder, folder);
    try {
      await assert.rejects(write(database), { code: 'database_unavailable' });
      await assert.rejects(database.knex('T_rate_limits').delete(), { code: 'SQLITE_READONLY_DBMOVED' });
      assert.match(String(await findProblem()), /can no longer be looked at \(ELOOP\)\. Correct the permiss/);
      const { stderr } = await latchkey(['account', 'list'], { url: `sqlite:${file}` });
      assert.match(stderr, /The database .* is below a loop of links\. Correct LATCHKEY_DATABASE_URL/);
    } finally {
      rmSync(folder);
      renameSync(`${folder}.moved`, folder);
    }
    await write(database);
    assert.equal(await findProblem(), undefined);
  });

  test('when the file of SQLite was deleted or replaced under the server', async (t) => {
    const { file, database, findProblem } = await open(t, 'sqlite');
    await write(database);
    copyFileSync(file, `${file}.copy`);
    renameSync(file, `${file}.old`);
    assert.match(String(await findProblem()), /\.sqlite was deleted/);
    renameSync(`${file}.copy`, file);
    assert.match(String(await findProblem()), /\.sqlite was replaced by another file\. Restart the server/);
    rmSync(file);
    renameSync(`${file}.old`, file);
    assert.equal(await findProblem(), undefined);
  });
});

describe('nothing is acknowledged that nobody could find later', {
  skip: !engines.includes('sqlite'),
}, () => {
  const addRow = ({ knex }: Database) => {
    const id = uuidv7();
    const now = new Date();
    const row = { id, key_hash: id, points: 1, expires_at: now, created_at: now };
    return knex('T_rate_limits').insert(row);
  };

  for (const [suffix, words] of [
    ['', /\.sqlite was deleted/],
    ['-wal', /-wal was deleted, so what is written is lost\. Restart the server/],
    ['-shm', /-shm was deleted, so processes no longer see what the others write\. Restart the server/],
  ] as const)
    test(`when the file of SQLite was deleted under the server: ${suffix || 'the database'}`, async (t) => {
      const { file, database, findProblem } = await open(t, 'sqlite');
      await write(database);
      assert.equal(await findProblem(), undefined);
      renameSync(`${file}${suffix}`, `${file}.old`);
      await assert.rejects(write(database), { code: 'database_unavailable' });
      await assert.rejects(addRow(database), { code: 'SQLITE_READONLY_DBMOVED' });
      await assert.rejects(
        database.knex.transaction((trx) => trx('T_rate_limits').delete()),
        { code: 'SQLITE_READONLY_DBMOVED' },
      );
      assert.match(String(await findProblem()), words);
      renameSync(`${file}.old`, `${file}${suffix}`);
      await write(database);
      await addRow(database);
      assert.equal(await findProblem(), undefined);
    });
});

test('doctor finds a damaged SQLite file', { skip: !engines.includes('sqlite') }, async (t) => {
  const { url, drop } = await createMigratedDatabase('sqlite');
  t.after(drop);
  assert.match((await latchkey(['doctor'], { url })).stdout, /ok +file +not damaged/);
  const descriptor = openSync(sqliteFile(url), 'r+');
  writeSync(descriptor, Buffer.alloc(4096, 0xa5), 0, 4096, 4096 * 20);
  const { code, stdout } = await latchkey(['doctor'], { url });
  assert.equal(code, 1);
  assert.match(stdout, /WRONG file +damaged: .*Stop the servers and restore a backup\./);
});

describe('/readyz and doctor say that a server is read-only', () => {
  test('on postgres', { skip: !engines.includes('postgres') }, async (t) => {
    const { url, database } = await open(t, 'postgres');
    const name = new URL(url).pathname.slice(1);
    await database.knex.raw(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    const later = openDatabase(url, 2);
    t.after(() => later.close());
    const problem = String(await createReadiness(later, createLog('silent'))());
    assert.match(problem, /Nothing can be written to the database: it is read-only \(default_transaction/);
    const { code, stdout } = await latchkey(['doctor'], { url });
    assert.deepEqual(
      [code, /WRONG database +Nothing can be written .* it is read-only/.test(stdout)],
      [1, true],
    );
  });

  test('on mariadb', { skip: !(engines.includes('mariadb') && isInstalled('mariadb')) }, async (t) => {
    const server = await startThrowaway('mariadb', temporaryFolder(true), { extra: ['--read-only=1'] });
    const database = openDatabase(server.url, 2);
    t.after(() => database.close().then(server.stop));
    assert.equal(await database.findWriteFault(), 'it is read-only (read_only)');
  });
});

describe('a clock that differs from the database', () => {
  for (const engine of engines)
    test(`by less than a minute is no fault on ${engine}`, async (t) => {
      const { database } = await open(t, engine);
      assert.equal(await findClockFault(database), undefined);
      assert.equal(await database.findWriteFault(), undefined);
    });

  test('by more than a minute is one', async () => {
    for (const [ahead, words] of [
      [-120_000, /120 seconds ahead of the database's/],
      [90_000, /90 seconds behind the database's/],
    ] as const) {
      const row = { ms: Date.now() + ahead };
      const knex = { raw: async () => ({ rows: [row] }) };
      assert.match(String(await findClockFault({ engine: 'postgres', knex } as unknown as Database)), words);
    }
  });
});
