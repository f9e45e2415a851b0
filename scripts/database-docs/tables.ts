import { retentionRules } from '../../src/config/retention.ts';
import { descriptions } from '../../src/database/documentation/index.ts';
import type { TableDescription } from '../../src/database/documentation/model.ts';
import { purgeCondition } from '../../src/maintenance/dialect.ts';
import type { Table } from './schema.ts';

/** What `id` and `created_at` mean in every table. */
const COMMON_COLUMNS: Record<string, string> = {
  id: 'UUID version 7, ordered by time.',
  created_at: 'When the row was written.',
};

const escapeCell = (text: string) => text.replaceAll('|', '\\|');

const markdownTable = (head: string[], rows: string[][]) =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(escapeCell).join(' | ')} |`).join('\n');

const ON_DELETE: Record<string, string> = {
  CASCADE: 'this row is deleted too (CASCADE)',
  'SET NULL': 'this column becomes NULL (SET NULL)',
};

function relationships({ references }: Table, { unenforced = {} }: TableDescription): string {
  const foreignKeys = references.map(({ name, column, table, onDelete }) => [
    `\`${column}\``,
    `\`${table}.id\``,
    `\`${name}\``,
    ON_DELETE[onDelete] ?? onDelete,
  ]);
  const others = Object.entries(unenforced).map(([column, { target, why }]) => [
    `\`${column}\``,
    `\`${target}\``,
    'none',
    why,
  ]);
  if (foreignKeys.length + others.length === 0) return '';
  return markdownTable(
    ['column', 'refers to', 'foreign key', 'when that row is deleted, or why there is no foreign key'],
    [...foreignKeys, ...others],
  );
}

function lifetime(name: string, { lifetime }: TableDescription): string {
  const conditions = retentionRules
    .filter(({ table }) => table === name)
    .map((rule) => `\`${purgeCondition(rule).replace(/[{}]/g, '')}\``);
  const cleanUp = conditions.length > 0 ? ` The clean-up deletes rows with ${conditions.join(' or ')}.` : '';
  return `**Lifetime.** ${lifetime}${cleanUp}`;
}

/** The section of one table. @throws Error for a table without a description */
export function tableSection(table: Table): string {
  const description = descriptions[table.name];
  if (!description)
    throw new Error(`${table.name} has no description in src/database/documentation/. Add one.`);
  const columns = table.columns.map(({ name, types, required }) => [
    `\`${name}\`${required ? ' \\*' : ''}`,
    ...types,
    description.columns[name] ?? COMMON_COLUMNS[name] ?? '',
  ]);
  const values = Object.entries(description.values ?? {}).map(([column, meanings]) =>
    [
      `Values of \`${column}\`:`,
      '',
      ...Object.entries(meanings).map(([value, meaning]) => `- \`${value}\`: ${meaning}`),
    ].join('\n'),
  );
  const indices = table.indices.map(({ name, unique, columns }) => [
    `\`${name}\``,
    `${columns.join(', ')}${unique ? ' (unique)' : ''}`,
    description.indices[name] ?? '',
  ]);
  return [
    `#### ${table.name}`,
    description.purpose,
    markdownTable(['column', 'SQLite', 'PostgreSQL', 'MySQL, MariaDB', 'meaning'], columns),
    ...values,
    markdownTable(
      ['index', 'columns', 'used for'],
      [['primary key', 'id', 'Identifying a row.'], ...indices],
    ),
    relationships(table, description),
    description.security.length > 0 ? `**Security.** ${description.security.join(' ')}` : '',
    lifetime(table.name, description),
    `**Initial content.** ${description.initialContent}`,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** Every column that stores a secret or a value derived from one. */
export function secretsTable(): string {
  const rows = Object.entries(descriptions).flatMap(([table, { secrets = {} }]) =>
    Object.entries(secrets).map(([column, { stored, member, ifStolen }]) => [
      `\`${table}.${column}\`${member ? `, member \`${member}\`` : ''}`,
      stored,
      ifStolen,
    ]),
  );
  return markdownTable(
    ['column', 'stored', 'what someone with a copy of the database could do with it'],
    rows,
  );
}
