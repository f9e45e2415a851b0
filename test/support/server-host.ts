import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';

const PATIENCE_MS = 3000;

/** Processes that have loaded the program, and run no server now. They keep no test file running. */
const idle: ChildProcess[] = [];
process.once('exit', () => {
  for (const host of idle) host.kill('SIGKILL');
});

function keepAlive(host: ChildProcess, isNeeded: boolean): void {
  const method = isNeeded ? 'ref' : 'unref';
  for (const part of [host, host.channel, host.stdout, host.stderr] as ({
    ref(): void;
    unref(): void;
  } | null)[])
    part?.[method]();
}

function takeIdle(): ChildProcess | undefined {
  const host = idle.pop();
  return host && !host.connected ? takeIdle() : host;
}

/**
 * Runs a server in a process that has run others, because most of the CPU time of a start goes into loading the program.
 * @param args of a new process, if none is idle
 */
export function startInHost(args: string[], options: { cwd: string; env: NodeJS.ProcessEnv }): ChildProcess {
  const host =
    takeIdle() ?? spawn(process.execPath, args, { ...options, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  keepAlive(host, true);
  host.send({ env: options.env });
  return host;
}

/** Stops the server of a process that is still running, and keeps the process for the next one. */
export async function release(host: ChildProcess): Promise<void> {
  if (host.exitCode !== null || host.signalCode !== null) return;
  for (const stream of [host.stdout, host.stderr] as Readable[]) stream.removeAllListeners('data');
  const isStopped = await new Promise<boolean>((done) => {
    host.once('message', () => done(true));
    host.once('exit', () => done(false));
    setTimeout(() => done(false), PATIENCE_MS).unref();
    host.send({});
  });
  for (const event of ['exit', 'close', 'message']) host.removeAllListeners(event);
  if (!isStopped) return void host.kill('SIGKILL');
  keepAlive(host, false);
  idle.push(host);
}
