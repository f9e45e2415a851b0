import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readSchema } from '../../scripts/database-docs/schema.ts';
import { selectRows } from '../../src/maintenance/dialect.ts';
import { engines } from '../support/engines.ts';
import { openWorld } from '../support/world.ts';

const POSTGRES = `SELECT c.relname AS table_name, a.attname AS column_name, FORMAT_TYPE(a.atttypid, a.atttypmod) AS type,
  a.attnotnull AS required FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped`;
const MYSQL = `SELECT table_name AS table_name, column_name AS column_name, column_type AS type,
  is_nullable = 'NO' AS required FROM information_schema.columns WHERE table_schema = DATABASE()`;
const INDICES = {
  postgres: "SELECT indexname AS name FROM pg_indexes WHERE schemaname = 'public'",
  mysql:
    'SELECT DISTINCT index_name AS name FROM information_schema.statistics WHERE table_schema = DATABASE()',
};

/** Maps the engines' other names of a type to the documented one. */
const plain = (type: string) =>
  type
    .replace('character varying', 'varchar')
    .replace('timestamp(3) with time zone', 'timestamptz(3)')
    .replace(/^(big)?int\(\d+\)$/, '$1int');

for (const engine of engines) {
  if (engine === 'sqlite') continue;
  describe(`the schema that docs/DATABASE.md describes, on ${engine}`, () => {
    test('is the one that the migrations create: columns, types, NOT NULL, indexes', async (t) => {
      const { database } = await openWorld(t, engine);
      const isPostgres = engine === 'postgres';
      const rows = await selectRows(database, isPostgres ? POSTGRES : MYSQL);
      const there = rows
        .filter(({ table_name }) => !/^t_migrations/i.test(String(table_name)))
        .map((row) =>
          `${row.table_name}.${row.column_name} ${plain(String(row.type))} ${/^(true|1)$/.test(String(row.required))}`.toLowerCase(),
        );
      const tables = await readSchema();
      const documented = tables.flatMap(({ name, columns }) =>
        columns.map((column) =>
          `${name}.${column.name} ${column.types[isPostgres ? 1 : 2]} ${column.required}`.toLowerCase(),
        ),
      );
      assert.deepEqual(there.toSorted(), documented.toSorted());
      const names = await selectRows(database, isPostgres ? INDICES.postgres : INDICES.mysql);
      const indices = names
        .map(({ name }) => String(name).toLowerCase())
        .filter((name) => name.startsWith('i_'));
      const known = tables.flatMap((table) => table.indices.map(({ name }) => name.toLowerCase()));
      assert.deepEqual(indices.toSorted(), known.toSorted());
    });
  });
}
