import Sqlite from 'better-sqlite3';

const DAMAGED = /^SQLITE_(CORRUPT|NOTADB|IOERR)/;

/**
 * Whether a file that has become smaller lacks pages of its database. It becomes smaller for good reasons too: when a
 * clean-up has given pages back. It is then as long as the database, and pages in the write-ahead log only come on top. Only
 * a file that is shorter is read as a whole, which takes about a second for each gigabyte. The connection is a new one:
 * another one has pages in memory that are gone from the file.
 * @param size in bytes
 */
export function isCutShort(file: string, size: number): boolean {
  let connection: Sqlite.Database | undefined;
  try {
    connection = new Sqlite(file, { readonly: true });
    const pragma = (name: string) => connection?.pragma(name, { simple: true });
    if (size >= Number(pragma('page_count')) * Number(pragma('page_size'))) return false;
    return pragma('quick_check(1)') !== 'ok';
  } catch (error) {
    return DAMAGED.test(String((error as { code?: unknown }).code));
  } finally {
    connection?.close();
  }
}
