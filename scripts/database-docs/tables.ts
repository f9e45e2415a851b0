import { descriptions } from '../../src/database/documentation/index.ts';
import type { Described } from '../../src/database/documentation/model.ts';
import { conditionOf, rules } from '../../src/maintenance/retention.ts';
import type { Table } from './schema.ts';

/** What `id` and `created_at` mean in every table. */
const COMMON: Record<string, string> = {
  id: 'UUID version 7: time-ordered.',
  created_at: 'When the row was written.',
};

/** A cell of a Markdown table. */
const cell = (text: string) => text.replaceAll('|', '\\|');

/** A table of Markdown. */
export const grid = (head: string[], rows: string[][]) =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n');

const WORDS: Record<string, string> = { CASCADE: 'goes with it', 'SET NULL': 'becomes NULL' };

function relationships({ references }: Table, { loose = {} }: Described): string {
  const enforced = references.map(({ name, column, table, onDelete }) => [
    `\`${column}\``,
    `\`${table}.id\``,
    `\`${name}\``,
    `${WORDS[onDelete]} (${onDelete})`,
  ]);
  const others = Object.entries(loose).map(([column, { names, why }]) => [
    `\`${column}\``,
    `\`${names}\``,
    'not enforced',
    why,
  ]);
  if (enforced.length + others.length === 0) return '';
  return grid(
    ['column', 'names', 'foreign key', 'when that row is deleted, or why it is not enforced'],
    [...enforced, ...others],
  );
}

function life(name: string, described: Described): string {
  const kept = rules.filter(({ table }) => table === name);
  const purged = kept.map((rule) => `\`${conditionOf(rule).replace(/[{}]/g, '')}\``);
  return `**Life time.** ${described.life}${purged.length > 0 ? ` The clean-up deletes where ${purged.join(', and where ')}.` : ''}`;
}

/** All that the document says of one table. @throws Error for a table that nobody described */
export function section(table: Table): string {
  const described = descriptions[table.name];
  if (!described) throw new Error(`${table.name} has no description in migrations/descriptions/.`);
  const columns = table.columns.map(({ name, types, required }) => [
    `\`${name}\`${required ? ' \\*' : ''}`,
    ...types,
    described.columns[name] ?? COMMON[name] ?? '',
  ]);
  const values = Object.entries(described.values ?? {}).map(([column, words]) =>
    [
      `\`${column}\` is one of`,
      '',
      ...Object.entries(words).map(([word, means]) => `- \`${word}\`: ${means}`),
    ].join('\n'),
  );
  const indices = table.indices.map(({ name, unique, columns }) => [
    `\`${name}\``,
    `${columns.join(', ')}${unique ? ' (unique)' : ''}`,
    described.indices[name] ?? '',
  ]);
  return [
    `#### ${table.name}`,
    described.purpose,
    grid(['column', 'SQLite', 'PostgreSQL', 'MySQL, MariaDB', 'meaning'], columns),
    ...values,
    grid(['index', 'columns', 'what for'], [['primary key', 'id', 'What names this row.'], ...indices]),
    relationships(table, described),
    described.security.length > 0 ? `**Security.** ${described.security.join(' ')}` : '',
    life(table.name, described),
    `**Content.** ${described.content}`,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** How secrets rest: each column that holds or derives from one. */
export function secretsTable(): string {
  const rows = Object.entries(descriptions).flatMap(([table, { secrets = {} }]) =>
    Object.entries(secrets).map(([column, { rests, member, thief }]) => [
      `\`${table}.${column}\`${member ? `, member \`${member}\`` : ''}`,
      rests,
      thief,
    ]),
  );
  return grid(['column', 'rests', 'what a thief of the database could do with it'], rows);
}
