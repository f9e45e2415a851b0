import { chmodSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, type Program } from './program.ts';
import { SERVERS, type ServerKind } from './servers.ts';

export type ServerName = keyof typeof SERVERS;

const MEMORY = '/dev/shm';
const NEEDED_BYTES = 2 * 1024 ** 3;

/** @returns a new folder, in memory if there is room; it is removed when this process exits */
export function temporaryFolder(inMemory: boolean): string {
  const parent = inMemory && roomIn(MEMORY) ? MEMORY : tmpdir();
  const folder = mkdtempSync(join(parent, 'latchkey-test-'));
  // The servers run as another user when this process runs as root.
  chmodSync(folder, 0o755);
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function roomIn(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize > NEEDED_BYTES;
  } catch {
    return false;
  }
}

/** @returns the paths of the server's programs, or undefined when one of them is not installed */
function programsOf({ programs }: ServerKind): string[] | undefined {
  const paths = programs.map(findProgram);
  return paths.every((path) => path !== undefined) ? paths : undefined;
}

export const isInstalled = (name: ServerName) => programsOf(SERVERS[name]) !== undefined;

/**
 * Starts a server with an empty data directory on a free port of 127.0.0.1.
 * @param options.durable whether a commit waits for the disk, as in production
 * @throws Error when it is not installed or does not answer
 */
export async function startThrowaway(
  name: ServerName,
  folder: string,
  options: { durable?: boolean; extra?: string[] } = {},
): Promise<Program & { url: string }> {
  const kind = SERVERS[name];
  const programs = programsOf(kind);
  if (!programs)
    throw new Error(`${name} is not installed. On Debian: apt-get install ${kind.debianPackage}`);
  return kind.start(join(folder, name), programs, options.durable ?? false, options.extra);
}
