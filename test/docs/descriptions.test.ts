import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { renderDocument } from '../../scripts/database-docs/render.ts';
import { readSchema, type Table } from '../../scripts/database-docs/schema.ts';
import { descriptions } from '../../src/database/documentation/index.ts';
import { projectPath } from '../../src/kit/project-root.ts';

const EVERYWHERE = ['id', 'created_at'];
/** Names of columns with fixed values. */
const WORDS =
  /^(status|kind|purpose|reason|client_type|registered_via|auth_provider|user_verification|alg|pkce|action|attestation_type|token_format|signing_alg|subject|auth_type|access_level|sync_status|action_type)$/;

describe('docs/DATABASE.md', () => {
  let tables: Table[];
  before(async () => {
    tables = await readSchema();
  });
  const described = (name: string) => {
    const found = descriptions[name];
    assert.ok(found, `${name} has no description in src/database/documentation/`);
    return found;
  };

  test('is the output of npm run docs:database', async () => {
    const kept = readFileSync(projectPath('docs/DATABASE.md'), 'utf8');
    assert.ok(kept === (await renderDocument()), 'docs/DATABASE.md is stale: run npm run docs:database');
  });

  test('describes every table, and no other', () => {
    for (const { name } of tables) assert.match(described(name).purpose, /\.$/, name);
    assert.deepEqual(Object.keys(descriptions).toSorted(), tables.map(({ name }) => name).toSorted());
  });

  test('describes every column, and no other', () => {
    for (const { name, columns } of tables) {
      const own = columns.map((column) => column.name).filter((column) => !EVERYWHERE.includes(column));
      const documented = Object.entries(described(name).columns);
      assert.deepEqual(documented.map(([column]) => column).toSorted(), own.toSorted(), name);
      for (const [column, means] of documented) assert.ok(means.length > 5, `${name}.${column}`);
    }
  });

  test('says which query every index serves, and lists no other index', () => {
    for (const { name, indices } of tables) {
      const documented = described(name).indices;
      assert.deepEqual(Object.keys(documented).toSorted(), indices.map((index) => index.name).toSorted());
      for (const [index, serves] of Object.entries(documented)) assert.ok(serves.length > 5, index);
    }
  });

  test('lists every foreign key by its name', () => {
    for (const { name, references } of tables)
      for (const { name: key, column } of references) assert.equal(key, `FK_${name.slice(2)}_${column}`);
  });

  test('explains every value of a column that has fixed values', () => {
    for (const { name, columns } of tables) {
      const words = columns.map((column) => column.name).filter((column) => WORDS.test(column));
      const documented = described(name).values ?? {};
      assert.deepEqual(Object.keys(documented).toSorted(), words.toSorted(), name);
    }
  });

  test('lists every action that the code writes to the audit log', () => {
    const actions = Object.keys(described('T_auth_audit_log').values?.action ?? {});
    const root = projectPath('src');
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    );
    const written = files.flatMap((file) => {
      const text = readFileSync(`${root}/${file}`, 'utf8');
      return [
        ...text.matchAll(/\baction: '([a-z_]+\.[a-z_]+)'/g),
        ...text.matchAll(/'([a-z_.]+)\.refused'/g),
      ].map(([whole, name = '']) => (whole.startsWith('action') ? name : `${name}.refused`));
    });
    assert.ok(written.length > 20);
    assert.deepEqual(
      written.filter((action) => !actions.includes(action)),
      [],
    );
  });

  test('says that a column is hashed or sealed if its name says so', () => {
    for (const { name, columns } of tables) {
      const secrets = described(name).secrets ?? {};
      for (const { name: column } of columns) {
        const suffix = /_(hash|sealed)$/.exec(column)?.[1];
        if (suffix)
          assert.equal(secrets[column]?.stored, suffix === 'hash' ? 'hashed' : 'sealed', `${name}.${column}`);
      }
      for (const [column, { member }] of Object.entries(secrets)) {
        assert.ok(
          columns.some((one) => one.name === column),
          `${name}.${column}`,
        );
        if (member) assert.equal(column, 'payload');
      }
    }
  });
});
