import { closeSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Knex } from 'knex';
import { restrictFolder, restrictMode } from '../kit/file-modes.ts';
import { engineOf, sqliteFile } from './engine-of-url.ts';
import type { Engine } from './statement-builders.ts';

/** SQLite puts them beside the database, with the mode of the database. The last one is ours. */
const SUFFIXES = ['', '-wal', '-shm', '-journal', '-migration-lock'];

/** Creates a file that only this user can open, and leaves one that exists alone. @throws NodeJS.ErrnoException */
function createPrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/**
 * Creates a missing database file and its folder so that only this user can read them. SQLite would create a file
 * that every user can read.
 */
export function createSqliteFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  createPrivate(file);
}

/** The file whose lock keeps other servers from migrating. */
export function createMigrationLock(database: string): string {
  const file = `${database}-migration-lock`;
  createPrivate(file);
  return file;
}

/** Whether there is no such file. If its folder cannot be read, this is false: opening the database then reports that error. */
function isMissing(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}

const HEADER = 'SQLite format 3\0';

/** A wrong path must not change the mode of a file or folder of somebody else. A new database is empty. */
function isDatabase(file: string): boolean {
  try {
    const found = statSync(file, { throwIfNoEntry: false });
    if (!found?.isFile()) return false;
    const start = Buffer.alloc(Math.min(found.size, HEADER.length));
    const descriptor = openSync(file, 'r');
    readSync(descriptor, start);
    closeSync(descriptor);
    return found.size === 0 || start.toString('latin1') === HEADER;
  } catch {
    return false;
  }
}

/**
 * Removes other users' access to the database files. With it, they could read every hash and address, or stop the
 * server by locking the `-shm` file. Called before the database is opened: to close a descriptor of the file gives up
 * this process's locks on it.
 * @returns sentences for the log
 */
export function restrictFiles(url: string): string[] {
  if (engineOf(url) !== 'sqlite') return [];
  const file = sqliteFile(url);
  // Before the first start there is no file yet, and perhaps a folder, such as the mount point of a volume.
  if (!isMissing(file) && !isDatabase(file)) return [];
  const stem = basename(file).split('.')[0] || basename(file);
  const notices = SUFFIXES.map((suffix) => restrictMode(`${file}${suffix}`, 0o600));
  notices.push(restrictFolder(dirname(file), (name) => name.startsWith(stem) || name === 'secrets'));
  return notices.filter((notice) => notice !== undefined);
}

/** A megabyte: some milliseconds, in which requests wait. */
const FREE_PAGES_AT_ONCE = 256;

/** Gives pages of deleted rows back to the file system, a few in each call. Does nothing on other engines. */
export async function returnFreePages({ engine, knex }: { engine: Engine; knex: Knex }): Promise<void> {
  if (engine !== 'sqlite') return;
  const connection: { exec(sql: string): void } = await knex.client.acquireConnection();
  try {
    // Knex would take one step of this statement only, and so free one page.
    connection.exec(`PRAGMA incremental_vacuum(${FREE_PAGES_AT_ONCE})`);
  } finally {
    await knex.client.releaseConnection(connection);
  }
}
