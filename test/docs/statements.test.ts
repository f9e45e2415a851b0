import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ACCOUNTS, APPLICATION } from '../../seeds/development.ts';
import { purgedTables, retentionRules } from '../../src/config/retention.ts';
import { migrateLatest } from '../../src/database/migrate.ts';
import { type Database, openDatabase } from '../../src/database/open.ts';
import { reports } from '../../src/maintenance/reports.ts';
import { knownRows } from '../support/builders/documented-rows.ts';
import { expiringRows } from '../support/builders/expiring-rows.ts';
import { statements } from '../support/database-document.ts';
import { commandLine, missingShell } from '../support/database-shell.ts';
import { createDatabase, type TestDatabase } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { tableNames } from '../support/rows.ts';
import { latchkey } from '../support/warm-command.ts';

const [ada, mei] = ACCOUNTS.map(({ id }) => id);
const app = APPLICATION.id;
const yesterday = () => new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);

/** The rows that each SELECT prints, with `…` for a time. */
type Expected = () => string[][];
const EXPECTED: Record<string, Expected> = {
  'is-locked': () => [['ada', '7', '…']],
  'came-by': () => [['mei', '…', '192.0.2.7']],
  'holds-tokens': () => [
    [app, 'Fieldnotes', 'access', '2'],
    [app, 'Fieldnotes', 'refresh', '2'],
  ],
  allowed: () => [[app, 'Fieldnotes', 'openid profile', '…', '…']],
  'signed-by': () => [['ES256', 'active', '…', '']],
  locked: () => [['ada', 'ada@harbour.example', '…', '7']],
  requests: () => [
    [app, 'approved', '1'],
    [app, 'pending', '2'],
    ['another', 'expired', '1'],
  ],
  'sign-ins': () => [
    [yesterday(), 'succeeded', '1'],
    [yesterday(), 'wrong_password', '2'],
  ],
  invitations: () => [
    ['expired', '1'],
    ['revoked', '2'],
    ['used', '1'],
    ['waiting', '1'],
  ],
  arrivals: () => [
    ['…', 'the-id-of-the-invitation', 'Mei Tanaka', 'mei@harbour.example', 'mei', '192.0.2.7'],
  ],
  'keys-unsigned': () => [['ada', 'Blue key', 'passkey', '…']],
  'keys-unused': () => [['ada', 'Old key', 'passkey', '…', '…']],
  counters: () => [['…', 'ada', 'Old key', '192.0.2.9']],
  sessions: () => [
    ['ada', '2', '…'],
    ['mei', '1', '…'],
  ],
  tokens: () => [
    [app, 'access', '3'],
    [app, 'refresh', '2'],
    ['another', 'refresh', '1'],
  ],
  replays: () => [['…', 'refresh_token_reuse', app, 'ada']],
  'signing-keys': () => [
    ['ES256', 'active', 'the-kid-of-the-token', '…', ''],
    ['RS256', 'retired', 'an-old-kid', '…', ''],
  ],
  connections: () => [
    ['google', '1', '1', '1', '0'],
    ['motion', '1', '0', '0', '0'],
  ],
  'connection-errors': () => [['the-id-of-the-connection', 'mei', 'google', 'invalid_grant', '…']],
  'connection-calls': () => [['google', app, 'Fieldnotes', 'completed', '2', '123', '…']],
  'connection-handouts': () => [['google', app, 'Fieldnotes', 'completed', '1', '…']],
  'connection-syncs': () => [['google', 'full_sync', 'completed', '1', '7', '…']],
  history: () => [
    ['…', 'passkey.counter_regressed', '', '192.0.2.9', ''],
    ['…', 'sign_in.failed', '', '', 'wrong_password'],
    ['…', 'sign_in.failed', '', '', 'wrong_password'],
    ['…', 'sign_in.succeeded', '', '192.0.2.1', ''],
    ['…', 'sign_in.failed', '', '', 'wrong_password'],
    ['…', 'sign_in.failed', '', '', 'wrong_password'],
  ],
  waiting: () => {
    const rows: Record<string, string> = {
      T_authorization_requests: '1',
      T_access_tokens: '1',
      T_rate_limits: '1',
      T_auth_audit_log: '1',
    };
    return purgedTables.map((table) => [table, rows[table] ?? '0']);
  },
  'Development data': () => [
    [ada as string, 'ada', ACCOUNTS[0]?.credentialId as string],
    [mei as string, 'mei', ACCOUNTS[1]?.credentialId as string],
  ],
};

/** Statements that have their own test below. */
const TESTED_BELOW = ['unlock', 'sign-out', 'shut-out', 'rows', 'bytes', 'Before you start'];

const INSTANT = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,3})?(\+00)?$/;

function printed(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) =>
      line.split(/[|\t]/).map((cell) => (cell === 'NULL' ? '' : INSTANT.test(cell) ? '…' : cell)),
    );
}

/** Sorted here, because the engines order upper and lower case differently. */
const sorted = (rows: string[][]) => rows.map((row) => row.join('|')).toSorted();

test('every statement of docs/DATABASE.md is tested here', () => {
  const known = [...Object.keys(EXPECTED), ...TESTED_BELOW];
  const cleanUps = retentionRules.map(({ table, column }) => `clean-up ${table} ${column}`);
  const found = new Set(statements().map(({ under }) => under));
  assert.deepEqual([...found].toSorted(), [...known, ...cleanUps].toSorted());
});

for (const engine of engines) {
  describe(`docs/DATABASE.md at the command line of ${engine}`, { skip: missingShell(engine) }, () => {
    let storage: TestDatabase;
    let database: Database;
    before(async () => {
      storage = await createDatabase(engine);
      database = openDatabase(storage.url);
      await migrateLatest(database, storage.url);
      await knownRows(database);
    });
    after(async () => {
      await database.close();
      await storage.drop();
    });
    const own = engine === 'mariadb' ? 'mysql' : engine;
    const printedSql = (under: string) => {
      const [found, more] = statements().filter((one) => one.under === under && one.engines.includes(own));
      assert.ok(found && !more, `${under}: one statement for ${engine}`);
      return found.sql;
    };
    const type = (under: string) => printed(commandLine(storage, printedSql(under), 'UTC'));

    for (const [under, rows] of Object.entries(EXPECTED)) {
      test(`${under} prints the expected rows`, () => {
        const ordered = !['requests', 'tokens'].includes(under);
        if (ordered) assert.deepEqual(type(under), rows());
        else assert.deepEqual(sorted(type(under)), sorted(rows()));
      });
    }

    test('rows counts every table', async () => {
      const rows = Object.fromEntries(type('rows'));
      for (const table of await tableNames(database)) {
        const name = Object.keys(rows).find((one) => one.toLowerCase() === table.toLowerCase());
        assert.equal(Number(rows[name ?? '']), (await database.knex(table)).length, table);
      }
    });

    test('bytes lists every table', async () => {
      const rows = Object.fromEntries(type('bytes'));
      for (const table of await tableNames(database)) assert.ok(Number(rows[table]) > 0, table);
    });

    test('the statements to run first are accepted', () => {
      const said = printedSql('Before you start');
      const ask = {
        sqlite: 'PRAGMA foreign_keys',
        postgres: 'SHOW TIME ZONE',
        mysql: 'SELECT @@session.time_zone',
      };
      const answer = { sqlite: '1', postgres: 'UTC', mysql: '+00:00' };
      assert.equal(commandLine(storage, `${said} ${ask[own]}`, 'Pacific/Auckland').trim(), answer[own]);
    });

    test('latchkey db report prints the same rows', async () => {
      for (const name of ['invitations', 'waiting', 'bytes', 'sessions']) {
        const { stdout } = await latchkey(['db', 'report', name, '--json'], { url: storage.url });
        const rows = (JSON.parse(stdout) as Record<string, unknown>[]).map((row) =>
          Object.values(row).map((cell) => String(cell).replace(/^\d{4}-.*Z$/, '…')),
        );
        assert.deepEqual(rows, type(name), name);
      }
      const { code, stderr } = await latchkey(['db', 'report', 'nothing'], { url: storage.url });
      assert.deepEqual([code, stderr.startsWith('There is no report nothing.')], [1, true]);
      const { stdout } = await latchkey(['db', 'report', '--json'], { url: storage.url });
      assert.equal(JSON.parse(stdout).length, Object.keys(reports()).length);
    });

    test('the changes affect only the accounts they name', async () => {
      const { knex } = database;
      type('sign-out');
      const left = await knex('T_user_sessions').where({ is_active: true }).pluck('account_id');
      assert.deepEqual(left, [mei, mei]);
      type('shut-out');
      assert.deepEqual(await knex('T_accounts').where({ is_active: true }).pluck('username'), ['mei']);
      type('unlock');
      const counts = await knex('T_credentials').orderBy('username').pluck('failed_login_attempts');
      assert.deepEqual(counts, [0, 3]);
    });

    test('each clean-up deletes the rows that are past their time, and no others', async () => {
      for (const rule of retentionRules) {
        const stay = await expiringRows(database, rule);
        const before: string[] = await database.knex(rule.table).pluck('id');
        type(`clean-up ${rule.table} ${rule.column}`);
        const left: string[] = await database.knex(rule.table).pluck('id');
        assert.deepEqual(left.filter((id) => stay.includes(id)).toSorted(), stay, rule.table);
        assert.ok(before.length - left.length >= 2, rule.table);
      }
    });
  });
}
