import { statSync } from 'node:fs';
import { isCutShort } from './sqlite-damage.ts';

/** SQLite's code for "the open file is no longer the one at that path". We use the same code when we find it ourselves. */
export const MOVED = 'SQLITE_READONLY_DBMOVED';

/** @returns undefined for a file that is not there @throws NodeJS.ErrnoException when its folder cannot be read */
const find = (path: string) => statSync(path, { throwIfNoEntry: false });

/** The folder has lost its permissions, or its file system no longer answers. What is open may still work, but not for long. */
const hidden = (file: string, error: unknown) =>
  `${file} can no longer be looked at (${(error as NodeJS.ErrnoException).code}). Correct the permissions of its folder`;

/**
 * SQLite creates them when the first connection reads, and removes them with the last one: the write-ahead log, and its
 * index, in which processes see each other's locks.
 */
const COMPANIONS = [
  ['-wal', 'what is written is lost'],
  ['-shm', 'processes no longer see what the others write'],
] as const;

/**
 * Remembers which database file is open, and which write-ahead log and index belong to it.
 * @returns a check, which returns the reason why writes are being lost, or undefined. SQLite itself goes on writing to
 *   files that were deleted or cut short
 */
export function watchIdentity(file: string): () => string | undefined {
  const opened = statSync(file);
  const inodes = new Map<string, number>();
  /** The size of the file when it was last seen whole. */
  let { size } = opened;
  function findMoved(): string | undefined {
    const found = find(file);
    if (!found) return `${file} was deleted, so what is written is lost. Put it back and restart the server`;
    if (found.ino !== opened.ino || found.dev !== opened.dev)
      return `${file} was replaced by another file. Restart the server`;
    if (found.size === 0 && opened.size > 0) return `${file} is empty. Stop the server and restore a backup`;
    if (found.size < size && isCutShort(file, found.size))
      return `${file} was cut short. Stop the server and restore a backup`;
    size = found.size;
    for (const [suffix, effect] of COMPANIONS) {
      const inode = find(`${file}${suffix}`)?.ino;
      const known = inodes.get(suffix) ?? inode;
      if (known !== inode) return `${file}${suffix} was deleted, so ${effect}. Restart the server`;
      if (known !== undefined) inodes.set(suffix, known);
    }
    return undefined;
  }
  return () => {
    try {
      return findMoved();
    } catch (error) {
      return hidden(file, error);
    }
  };
}

const checks = new WeakMap<object, () => string | undefined>();

/** Remembers which file this connection has opened. */
export function rememberFile(connection: object, file: string): void {
  checks.set(connection, watchIdentity(file));
}

/**
 * Call it before a write, which SQLite would acknowledge although nobody can find it later.
 * @throws Error with the code MOVED
 */
export function requireSameFile(connection: object): void {
  const moved = checks.get(connection)?.();
  if (moved) throw Object.assign(new Error(moved), { code: MOVED });
}
