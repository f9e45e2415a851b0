import { Shape } from './driver/shapes.ts';
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

export type Bound = string | number | boolean | null;

export interface Statement {
  sql: string;
  values: Bound[];
}

/** RFC 7396 merge of a JSON object into a TEXT column, decided by the database: no update of another is lost. */
const MERGE: Record<Engine, (column: string) => string> = {
  sqlite: (column) => `json_patch(${column}, ?)`,
  mysql: (column) => `JSON_MERGE_PATCH(${column}, ?)`,
  postgres: (column) => `jsonb_strip_nulls(${column}::jsonb || ?::jsonb)::text`,
};

function conditions(where: Row): string {
  return Object.keys(where)
    .map((column) => (where[column] === null ? `${column} IS NULL` : `${column} = ?`))
    .join(' AND ');
}

function toSql(write: Exclude<Write, { kind: 'statement' }>, engine: Engine): string {
  if (write.kind === 'insert') {
    const columns = Object.keys(write.row);
    const verb = write.ignore && engine === 'mysql' ? 'INSERT IGNORE' : 'INSERT';
    const quiet =
      (write.guard !== undefined || write.ignore) && engine !== 'mysql' ? ' ON CONFLICT DO NOTHING' : '';
    const list = `(${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
    return `${verb} INTO ${write.table} ${list}${quiet}`;
  }
  if (write.kind === 'delete') return `DELETE FROM ${write.table} WHERE ${conditions(write.where)}`;
  const sets = [
    ...Object.keys(write.set).map((column) => `${column} = ?`),
    ...Object.keys(write.merge ?? {}).map((column) => `${column} = ${MERGE[engine](column)}`),
  ];
  return `UPDATE ${write.table} SET ${sets.join(', ')} WHERE ${conditions(write.where)}`;
}

const shapes = { sqlite: new Shape<string>(), postgres: new Shape<string>(), mysql: new Shape<string>() };

/** Where the shape of these columns ends, their values added to `values`. */
function addValues(row: Row, engine: Engine, shape: Shape<string>, values: Bound[]): Shape<string> {
  let end = shape;
  for (const column in row) {
    end = end.with(column);
    values.push(bind(row[column] as Value, engine));
  }
  return end;
}

/** As addValues; what must be NULL has no value. */
function addConditions(where: Row, engine: Engine, shape: Shape<string>, values: Bound[]): Shape<string> {
  let end = shape.with('WHERE');
  for (const column in where) {
    end = end.with(column);
    if (where[column] === null) end = end.with('IS NULL');
    else values.push(bind(where[column] as Value, engine));
  }
  return end;
}

/**
 * A write as SQL with `?` for each value, and the values as the driver binds them. Writes of one shape get the very
 * same string, so that nothing is built or hashed again. Table and column names come from code alone.
 */
export function toStatement(write: Write, engine: Engine): Statement {
  if (write.kind === 'statement')
    return { sql: write.sql, values: write.values.map((value) => bind(value, engine)) };
  const values: Bound[] = [];
  let shape = shapes[engine].with(write.table).with(write.kind);
  if (write.kind === 'insert') {
    if (write.guard !== undefined || write.ignore) shape = shape.with(write.ignore ? 'IGNORE' : 'GUARD');
    shape = addValues(write.row, engine, shape, values);
  } else {
    if (write.kind === 'update') {
      shape = addValues(write.set, engine, shape, values);
      if (write.merge) shape = addValues(write.merge, engine, shape.with('MERGE'), values);
    }
    shape = addConditions(write.where, engine, shape, values);
  }
  shape.made ??= toSql(write, engine);
  return { sql: shape.made, values };
}

/** A value in the form that the engine's driver binds; instants as UTC text. */
export function bind(value: Value, engine: Engine): Bound {
  if (value instanceof Date) return engine === 'postgres' ? `${toText(value)}+00` : toText(value);
  return typeof value === 'boolean' && engine !== 'postgres' ? Number(value) : value;
}

const isGuarded = (write: Write) => write.guard !== undefined;
const isUpdate = (write: Write) => write.kind === 'update';
const isFree = (write: Write) => write.guard === undefined;

/** Guarded writes first: when one of them touches no row, nothing else of the unit has been written yet. */
export function guardedFirst(writes: Write[]): Write[] {
  if (writes.length < 2) return writes;
  return [...inOneOrder(writes.filter(isGuarded)), ...inOneOrder(writes.filter(isFree))];
}

const rowOf = (write: Write) =>
  write.kind === 'update' ? `${write.table} ${Object.values(write.where)}` : '';
const byRow = (a: Write, b: Write) => (rowOf(a) < rowOf(b) ? -1 : 1);

/** Updates in the same order in all units, so that two never wait for each other; all else stays in its place. */
function inOneOrder(writes: Write[]): Write[] {
  const updates = writes.filter(isUpdate);
  if (updates.length < 2) return writes;
  updates.sort(byRow);
  let next = 0;
  return writes.map((write) => (isUpdate(write) ? (updates[next++] ?? write) : write));
}
