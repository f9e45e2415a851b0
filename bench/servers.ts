import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createDatabase } from '../test/support/databases.ts';
import { type EngineName, urlVariable } from '../test/support/engines.ts';
import { isInstalled, startThrowaway, temporaryFolder } from '../test/support/throwaway/index.ts';
import type { Facts, Usage } from './control.ts';

/** `plain` is the engine with nothing around it, `bare` the engine in memory with Latchkey's settings. */
export type Variant = 'plain' | 'bare' | EngineName;

/** A server as a separate process. */
export interface Measured extends Facts {
  variant: Variant;
  /** The URL of its database, if it has one. */
  url: string | undefined;
  usage(): Promise<Usage>;
  /** Starts or stops deleting expired rows. */
  purge(on: boolean): void;
  stop(): Promise<void>;
}

function message<T>(child: ChildProcess, name: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`the server ${name} ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (value) => {
      child.off('exit', ended);
      resolve(value as T);
    });
  });
}

let folder: string | undefined;

/** Starts a server of that engine, with durable commits, unless the environment names one. @returns whether there is one */
export async function hasServer(engine: EngineName): Promise<boolean> {
  if (engine === 'sqlite' || process.env[urlVariable(engine)]) return true;
  if (engine === 'mysql' || !isInstalled(engine)) return false;
  folder ??= temporaryFolder(false);
  const { url } = await startThrowaway(engine, folder, { durable: true });
  process.env[urlVariable(engine)] = url;
  return true;
}

/**
 * With BENCH_PROF=folder each server writes its CPU profile to that folder.
 * @param purges whether it deletes expired rows by itself, as in production
 * @returns the server, or undefined when its engine is not installed here
 */
export async function start(variant: Variant, purges = true): Promise<Measured | undefined> {
  const inMemory = variant === 'plain' || variant === 'bare';
  if (!inMemory && !(await hasServer(variant))) return undefined;
  const database = inMemory ? undefined : await createDatabase(variant);
  const file = fileURLToPath(new URL(`./server-${inMemory ? variant : 'latchkey'}.js`, import.meta.url));
  const folder = process.env.BENCH_PROF;
  const profile = folder ? ['--cpu-prof', `--cpu-prof-dir=${folder}/${variant}`] : [];
  const child = fork(file, database ? [database.url, purges ? 'purges' : ''] : [], {
    execArgv: profile,
    // The log is written, as in production, but not shown.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  const facts = await message<Facts & { error?: string }>(child, variant);
  if (facts.error) throw new Error(facts.error);
  return {
    ...facts,
    variant,
    url: database?.url,
    purge: (on) => void child.send(on ? 'purge' : 'rest'),
    usage() {
      child.send('usage');
      return message<Usage>(child, variant);
    },
    async stop() {
      child.disconnect();
      if (child.exitCode === null) await once(child, 'exit');
      await database?.drop();
    },
  };
}
