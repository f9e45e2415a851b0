import { toText } from './instants.ts';

export type Engine = 'sqlite' | 'postgres' | 'mysql';
export type Value = string | number | boolean | Date | null;
export type Row = Record<string, Value>;

/**
 * One row to be written. `guard` names what it means when it touches no row (a code that was consumed by
 * another request, a nonce that was used): the whole unit is then given up. `ignore` leaves a row that is
 * already there as it is. A `statement` is one that the other kinds cannot say, in the SQL that all engines share.
 */
export type Write =
  | { kind: 'insert'; table: string; row: Row; guard?: string; ignore?: boolean }
  | { kind: 'update'; table: string; set: Row; where: Row; merge?: Record<string, string>; guard?: string }
  | { kind: 'delete'; table: string; where: Row; guard?: string }
  | { kind: 'statement'; table: string; sql: string; values: Value[]; guard?: string };

export interface Statement {
  sql: string;
  values: Value[];
}

/** RFC 7396 merge of a JSON object into a TEXT column, decided by the database: no update of another is lost. */
const MERGE: Record<Engine, (column: string) => string> = {
  sqlite: (column) => `json_patch(${column}, ?)`,
  mysql: (column) => `JSON_MERGE_PATCH(${column}, ?)`,
  postgres: (column) => `jsonb_strip_nulls(${column}::jsonb || ?::jsonb)::text`,
};

function where(conditions: Row): Statement {
  const columns = Object.keys(conditions);
  return {
    sql: columns
      .map((column) => (conditions[column] === null ? `${column} IS NULL` : `${column} = ?`))
      .join(' AND '),
    values: Object.values(conditions).filter((value) => value !== null),
  };
}

/** A write as SQL with `?` for each value. Table and column names come from code alone. */
export function toStatement(write: Write, engine: Engine): Statement {
  if (write.kind === 'statement') return { sql: write.sql, values: write.values };
  if (write.kind === 'insert') {
    const columns = Object.keys(write.row);
    const verb = write.ignore && engine === 'mysql' ? 'INSERT IGNORE' : 'INSERT';
    const quiet =
      (write.guard !== undefined || write.ignore) && engine !== 'mysql' ? ' ON CONFLICT DO NOTHING' : '';
    const list = `(${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
    return { sql: `${verb} INTO ${write.table} ${list}${quiet}`, values: Object.values(write.row) };
  }
  const condition = where(write.where);
  if (write.kind === 'delete') {
    return { sql: `DELETE FROM ${write.table} WHERE ${condition.sql}`, values: condition.values };
  }
  const merge = write.merge ?? {};
  const sets = [
    ...Object.keys(write.set).map((column) => `${column} = ?`),
    ...Object.keys(merge).map((column) => `${column} = ${MERGE[engine](column)}`),
  ];
  return {
    sql: `UPDATE ${write.table} SET ${sets.join(', ')} WHERE ${condition.sql}`,
    values: [...Object.values(write.set), ...Object.values(merge), ...condition.values],
  };
}

/** A value in the form that the engine's driver binds; instants as UTC text. */
export function bind(value: Value, engine: Engine): string | number | boolean | null {
  if (value instanceof Date) return engine === 'postgres' ? `${toText(value)}+00` : toText(value);
  return typeof value === 'boolean' && engine !== 'postgres' ? Number(value) : value;
}

/** Guarded writes first: when one of them touches no row, nothing else of the unit has been written yet. */
export function guardedFirst(writes: Write[]): Write[] {
  const isGuarded = (write: Write) => write.guard !== undefined;
  return [...writes.filter(isGuarded), ...inOneOrder(writes.filter((write) => !isGuarded(write)))];
}

const rowOf = (write: Write) =>
  write.kind === 'update' ? `${write.table} ${Object.values(write.where)}` : '';

/** Updates in the same order in all units, so that two never wait for each other; all else stays in its place. */
function inOneOrder(writes: Write[]): Write[] {
  const updates = writes.filter((write) => write.kind === 'update');
  if (updates.length < 2) return writes;
  updates.sort((a, b) => (rowOf(a) < rowOf(b) ? -1 : 1));
  let next = 0;
  return writes.map((write) => (write.kind === 'update' ? (updates[next++] ?? write) : write));
}
