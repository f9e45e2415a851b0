import assert from 'node:assert/strict';
import { relative } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { takeWork } from './work-queue.ts';

/** How long a server that a failed test left may keep the process, in milliseconds. */
const PATIENCE_MS = 20_000;

/** What a file could change for the files after it. */
function readProcess() {
  const { fetch, setTimeout, setInterval, setImmediate } = globalThis;
  // Set by the library of pictures.
  const { VIPSHOME, ...env } = process.env;
  return { clock: globalThis.Date, fetch, setTimeout, setInterval, setImmediate, env, folder: process.cwd() };
}

/** Runs the files of a queue, one after the other, until all are taken. */
export async function work(queue: string): Promise<void> {
  const before = readProcess();
  const files: string[] = [];
  await loadNext();

  /**
   * Tests run in the order in which they were declared. So the one that is declared behind those of a file runs when they
   * have ended. It loads the next file before it ends, because the runner ends the run once it has no test left.
   */
  async function loadNext(): Promise<void> {
    if (files.length === 0) files.push(...(takeWork(queue) ?? []));
    const file = files.shift();
    if (!file) return void setTimeout(() => process.exit(), PATIENCE_MS).unref();
    // In a turn of its own, or the runner would take the tests of the file for parts of the running one.
    await nextTurn();
    const loading = import(pathToFileURL(file).href);
    await loading.catch(() => {});
    test(`${relative('dist', file).replace(/js$/, 'ts')} leaves the process as it was`, async () => {
      try {
        await loading;
        assert.deepEqual(readProcess(), before);
      } finally {
        await loadNext();
      }
    });
  }
}
