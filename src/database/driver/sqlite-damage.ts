import Sqlite from 'better-sqlite3';

const DAMAGED = /^SQLITE_(CORRUPT|NOTADB|IOERR)/;

/**
 * Whether a file that has become smaller has lost pages. A clean-up makes it smaller too, but then it is still as long as
 * SQLite says the database is, or longer. Only a shorter file is read as a whole, which takes about a second for each
 * gigabyte. The connection is new: an older one may answer from its cache with pages that the file no longer has.
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
