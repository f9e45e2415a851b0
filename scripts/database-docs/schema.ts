import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Knex } from 'knex';
import { migrateLatest } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/open.ts';

interface Column {
  name: string;
  /** The column's type on each engine; MariaDB has that of MySQL. */
  types: [sqlite: string, postgres: string, mysql: string];
  required: boolean;
}

interface Index {
  name: string;
  unique: boolean;
  columns: string[];
}

interface Reference {
  name: string;
  column: string;
  table: string;
  onDelete: string;
}

export interface Table {
  name: string;
  columns: Column[];
  indices: Index[];
  references: Reference[];
}

/**
 * The types that src/database/create-table.ts uses on the other engines for a column of that type on SQLite;
 * test/engines/migrated-schema.test.ts compares them with each engine.
 */
function typesOf(name: string, sqlite: string): Column['types'] {
  if (sqlite === 'text' && /_(at|until|before)$/.test(name)) return ['text', 'timestamptz(3)', 'datetime(3)'];
  if (sqlite === 'text') return ['text', 'text', 'mediumtext'];
  if (sqlite === 'boolean') return ['boolean', 'boolean', 'tinyint(1)'];
  if (sqlite === 'integer') return ['integer', 'integer', 'int'];
  return [sqlite, sqlite, sqlite];
}

async function tableOf(knex: Knex, name: string): Promise<Table> {
  const columns = await knex.raw(`PRAGMA table_info(${name})`);
  const indices = await knex.raw(`PRAGMA index_list(${name})`);
  const keys = await knex.raw(`PRAGMA foreign_key_list(${name})`);
  const [{ sql }] = await knex.raw('SELECT sql FROM sqlite_master WHERE name = ?', [name]);
  const table: Table = { name, columns: [], indices: [], references: [] };
  for (const column of columns)
    table.columns.push({
      name: column.name,
      types: typesOf(column.name, column.type.toLowerCase()),
      required: column.notnull === 1,
    });
  for (const index of indices.filter((one: { origin: string }) => one.origin === 'c'))
    table.indices.push({
      name: index.name,
      unique: index.unique === 1,
      columns: (await knex.raw(`PRAGMA index_info(${index.name})`)).map((one: { name: string }) => one.name),
    });
  for (const key of keys)
    table.references.push({
      // SQLite keeps the constraint's name only in the CREATE TABLE statement.
      name:
        new RegExp(`constraint \\W(FK_\\w+)\\W foreign key\\(\\W${key.from}\\W\\)`, 'i').exec(sql)?.[1] ?? '',
      column: key.from,
      table: key.table,
      onDelete: key.on_delete,
    });
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
  table.indices.sort(byName);
  table.references.sort(byName);
  return table;
}

/** Every table of the schema, read from a temporary SQLite database that the migrations create. */
export async function readSchema(): Promise<Table[]> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-docs-'));
  const url = `sqlite:${folder}/schema.sqlite`;
  const database = openDatabase(url);
  try {
    await migrateLatest(database, url);
    const names: string[] = await database.knex('sqlite_master').where({ type: 'table' }).pluck('name');
    const own = names.filter((name) => /^T_(?!migrations)/.test(name)).sort();
    const tables: Table[] = [];
    for (const name of own) tables.push(await tableOf(database.knex, name));
    return tables;
  } finally {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
