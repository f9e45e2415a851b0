export type Engine = 'sqlite' | 'postgres' | 'mysql';
export type Value = string | number | boolean | Date | null;
export type Row = Record<string, Value>;

/** SQL that is cut where its values go: one text more than names. */
export interface Fragment<Name extends string = string> {
  readonly texts: readonly string[];
  readonly names: readonly Name[];
}

/** SQL with the names of its values in their places: sql`id = ${'id'} AND used_at IS NULL`. */
export function sql<Name extends string>(texts: readonly string[], ...names: Name[]): Fragment<Name> {
  return { texts, names };
}

/** Puts pieces of SQL one after the other. */
export function concat(...parts: (string | Fragment)[]): Fragment {
  const texts = [''];
  const names: string[] = [];
  for (const part of parts) {
    const [first, ...rest] = typeof part === 'string' ? [part] : part.texts;
    texts.push(`${texts.pop()}${first}`, ...rest);
    if (typeof part !== 'string') names.push(...part.names);
  }
  return { texts, names };
}

const list = (parts: (string | Fragment)[], separator: string) =>
  concat(...parts.flatMap((part, index) => (index === 0 ? [part] : [separator, part])));

/**
 * A statement is declared once, beside its table, and prepared once for each connection. Drivers put together what
 * uses the same statement object. Names of tables and columns come from code alone.
 */
export interface Statement<Name extends string = string> {
  readonly kind: 'select' | 'insert' | 'update' | 'delete';
  /** The names of the values, in the order of their places. */
  readonly names: readonly Name[];
  /** For an UPDATE: its table, and the names of the values that say which row. */
  readonly updates?: { table: string; names: readonly Name[] };
  /** For an INSERT: its table. */
  readonly insertsInto?: string;
  /** Whether a row that a unique index refuses counts as a row that was not touched. */
  readonly skipsDuplicates?: boolean;
  /**
   * @param times for how many sets of values: rows of an INSERT, readings of a SELECT
   * @returns the very same string at each call
   */
  sql(engine: Engine, times?: number): string;
}

type Compose = (engine: Engine, times: number) => Fragment;

/**
 * SQLite with ENABLE_STAT4 plans a statement again whenever a value that its plan depends on changes, which takes
 * several times as long as running it. It does not look at values inside a subquery.
 */
function placeholder(engine: Engine, kind: Statement['kind'], place: number): string {
  if (engine === 'postgres') return `$${place}`;
  return engine === 'sqlite' && kind === 'select' ? '(SELECT ?)' : '?';
}

/** @returns a statement whose SQL is composed at its first use, once for each engine and number of values */
function declare<Name extends string>(
  statement: Omit<Statement<Name>, 'names' | 'sql'>,
  compose: Compose,
): Statement<Name> {
  const texts: Record<Engine, string[]> = { sqlite: [], postgres: [], mysql: [] };
  return {
    ...statement,
    names: compose('sqlite', 1).names as readonly Name[],
    sql(engine, times = 1) {
      texts[engine][times] ??= compose(engine, times).texts.reduce(
        (text, next, place) => `${text}${placeholder(engine, statement.kind, place)}${next}`,
      );
      return texts[engine][times];
    },
  };
}

/** @param options `onConflict: 'nothing'` keeps a row that is there already, and adds none */
export function insertInto<Name extends string>(
  table: string,
  columns: readonly Name[],
  options: { onConflict?: 'nothing' } = {},
): Statement<Name> {
  const skipsDuplicates = options.onConflict === 'nothing';
  const places = list(
    columns.map((name) => sql(['', ''], name)),
    ', ',
  );
  const row = concat('(', places, ')');
  const compose: Compose = (engine, times) =>
    concat(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES `,
      list(Array<Fragment>(times).fill(row), ', '),
      // MySQL's INSERT IGNORE would also cut values that are too long: its driver looks at the error instead.
      skipsDuplicates && engine !== 'mysql' ? ' ON CONFLICT DO NOTHING' : '',
    );
  return declare({ kind: 'insert', insertsInto: table, skipsDuplicates }, compose);
}

/** RFC 7396 merge into a column of JSON text, done by the database, so that no concurrent change is lost. */
const MERGE: Record<Engine, (column: string) => string[]> = {
  sqlite: (column) => [`${column} = json_patch(${column}, `, ')'],
  mysql: (column) => [`${column} = JSON_MERGE_PATCH(${column}, `, ')'],
  postgres: (column) => [`${column} = jsonb_strip_nulls(${column}::jsonb || `, '::jsonb)::text'],
};

/** @param change `set` names columns that get new values, or is SQL; `merge` names a column of JSON that gets a patch */
export function update<Name extends string, Key extends string>(
  table: string,
  change: { set: readonly Name[] | Fragment<Name>; merge?: Name; where: Fragment<Key> },
): Statement<Name | Key> {
  const { set, merge, where } = change;
  const changes = 'texts' in set ? [set] : set.map((name) => sql([`${name} = `, ''], name));
  const compose: Compose = (engine) => {
    const all = merge ? [...changes, sql(MERGE[engine](merge), merge)] : changes;
    return concat(`UPDATE ${table} SET `, list(all, ', '), ' WHERE ', where);
  };
  return declare({ kind: 'update', updates: { table, names: where.names } }, compose);
}

export function deleteFrom<Name extends string>(table: string, where: Fragment<Name>): Statement<Name> {
  return declare({ kind: 'delete' }, () => concat(`DELETE FROM ${table} WHERE `, where));
}

/** The column that says which of several readings a row is for. */
export const READ_INDEX = 'read_index';

/** Reads the first row. Columns are named, never `*`: a migration may add some while statements are prepared. */
export function selectOne<Name extends string = never>(query: {
  columns: string;
  /** A table or a join. */
  from?: string | Fragment<Name>;
  where?: Fragment<Name>;
  orderBy?: string;
}): Statement<Name> {
  const { columns, from, where, orderBy } = query;
  const rest = concat(
    columns,
    ...(from ? [' FROM ', from] : []),
    ...(where ? [' WHERE ', where] : []),
    orderBy ? ` ORDER BY ${orderBy} LIMIT 1` : '',
  );
  return declare({ kind: 'select' }, (_engine, times) => {
    if (times === 1) return concat('SELECT ', rest);
    const each = (_: unknown, index: number) => concat(`(SELECT ${index} AS ${READ_INDEX}, `, rest, ')');
    return list(Array.from({ length: times }, each), ' UNION ALL ');
  });
}
