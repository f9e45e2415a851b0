import { execFileSync, spawn } from 'node:child_process';
import { accessSync, chownSync, constants, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Debian installs the programs of PostgreSQL and the server of MariaDB outside the PATH of most users. */
const FOLDERS = ['/usr/local/sbin', '/usr/sbin', ...versionsOf('/usr/lib/postgresql')];
const READY_MS = 60_000;

/** The newest version first. */
function versionsOf(folder: string): string[] {
  try {
    const versions = readdirSync(folder).toSorted((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(folder, version, 'bin'));
  } catch {
    return [];
  }
}

/** @returns the path of the program, or undefined when it is not installed */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...FOLDERS];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** PostgreSQL and MariaDB refuse to run as root. */
const owner =
  process.getuid?.() === 0
    ? { uid: Number(run('id', ['-u', 'nobody'])), gid: Number(run('id', ['-g', 'nobody'])) }
    : {};

function run(program: string, args: string[], options = {}): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options });
}

/** A folder that the programs of this module can write to. */
export function ownedFolder(path: string): string {
  mkdirSync(path);
  if (owner.uid !== undefined) chownSync(path, owner.uid, owner.gid);
  return path;
}

/** Runs a program to its end, as the same user as `startProgram`. @throws Error with its output when it fails */
export function runProgram(program: string, args: string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, ...owner, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        output += chunk;
      });
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}:\n${output}`)),
    );
  });
}

/**
 * Runs a server until the pipe from this process closes, so that it ends however this process ends. It has a process
 * group of its own: Ctrl-C reaches this process alone.
 */
const GUARD = `
signal=$1; shift
"$@" </dev/null >log 2>&1 &
server=$!
read -r _
kill -s "$signal" "$server"
wait "$server"
rm -rf "$PWD"
`;

export interface Program {
  stop(): Promise<void>;
}

/**
 * @param signal makes the server end at once
 * @param folder where it runs, removed when it has ended
 * @param ready whether the server answers
 */
export async function startProgram(
  command: string[],
  options: { signal: string; folder: string; ready: () => Promise<boolean> },
): Promise<Program> {
  const { signal, folder, ready } = options;
  const guard = spawn('/bin/sh', ['-c', GUARD, 'guard', signal, ...command], {
    cwd: folder,
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    ...owner,
  });
  guard.unref();
  const ended = new Promise<void>((resolve) => guard.once('exit', () => resolve()));
  const stop = () => {
    guard.ref();
    guard.stdin?.end();
    return ended;
  };
  const deadline = Date.now() + READY_MS;
  while (!(await ready())) {
    if (Date.now() > deadline) {
      const log = readFileSync(join(folder, 'log'), 'utf8');
      await stop();
      throw new Error(`${command[0]} does not answer:\n${log}`);
    }
    await sleep(50);
  }
  return { stop };
}
