import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

const preloaded = new URL('../support/without-async-hooks.js', import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), 'latchkey-uncaught-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a test file as a whole run does. @returns its exit code, and its report in TAP with standard error */
function run(source: string) {
  const file = join(folder, 'example.mjs');
  writeFileSync(file, `import { before, describe, test } from 'node:test';\n${source}`);
  const args = ['--import', preloaded, '--test-reporter=tap', file];
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  return { status, output: stdout + stderr };
}

const LATER = 'await new Promise((resolve) => setTimeout(resolve, 50));';

describe('a test file in a whole run', () => {
  test('fails when a callback throws after an await, and prints where', () => {
    const { status, output } = run(`test('works', async () => {
      setTimeout(function late() { throw new Error('thrown later'); }, 1);
      ${LATER}
    });`);
    assert.equal(status, 1);
    assert.match(output, /thrown later\n +at .*late/);
  });

  test('fails when nobody handles a rejection, and prints where', () => {
    const { status, output } = run(`test('works', async () => {
      (async function late() { throw new Error('rejected'); })();
      ${LATER}
    });`);
    assert.equal(status, 1);
    assert.match(output, /rejected\n +at late/);
  });

  test('runs what a block prepares before the tests of the block', () => {
    const { status, output } = run(`describe('block', () => {
      let isReady = false;
      before(async () => { ${LATER} isReady = true; });
      test('is ready', () => { if (!isReady) throw new Error('not ready'); });
    });`);
    assert.equal(status, 0, output);
    assert.match(output, /\n {4}ok 1 - is ready/);
  });
});
