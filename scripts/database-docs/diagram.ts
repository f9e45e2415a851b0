import { descriptions } from '../../src/database/documentation/index.ts';
import type { Table } from './schema.ts';

function relations(table: Table, shown: Set<string>): string[] {
  const foreignKeys = table.references
    .filter((key) => shown.has(key.table))
    .map(({ column, table: target }) => {
      const unique = table.indices.some((index) => index.unique && index.columns.join() === column);
      const required = table.columns.some(({ name, required }) => name === column && required);
      return `  ${target} ${required ? '||' : '|o'}--${unique ? 'o|' : 'o{'} ${table.name} : ${column}`;
    });
  const unenforced = Object.entries(descriptions[table.name]?.unenforced ?? {})
    .map(([column, reference]) => ({ column, target: reference.target.split('.')[0] ?? '' }))
    .filter(({ target }) => shown.has(target))
    .map(({ column, target }) => `  ${target} |o..o{ ${table.name} : ${column}`);
  return [...foreignKeys, ...unenforced];
}

function entity({ name, columns, indices, references }: Table): string[] {
  const lines = columns.map((column) => {
    const keys = [
      column.name === 'id' && 'PK',
      references.some((key) => key.column === column.name) && 'FK',
      indices.some((index) => index.unique && index.columns.join() === column.name) && 'UK',
    ].filter(Boolean);
    return `    ${column.types[1].replace(/[()]/g, '')} ${column.name}${keys.length > 0 ? ` ${keys.join(', ')}` : ''}`;
  });
  return [`  ${name} {`, ...lines, '  }'];
}

/**
 * A Mermaid `erDiagram`: solid lines are foreign keys, dashed lines are references without one.
 * @param shown the tables to draw; references to other tables are left out
 * @param columns whether to list the columns of each table
 */
export function diagram(shown: Table[], columns: boolean): string {
  const names = new Set(shown.map(({ name }) => name));
  const body = shown.flatMap((table) => (columns ? entity(table) : [`  ${table.name}`]));
  return [
    '```mermaid',
    'erDiagram',
    ...body,
    ...shown.flatMap((table) => relations(table, names)),
    '```',
  ].join('\n');
}
