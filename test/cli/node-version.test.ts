import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';

/** Runs the command in a process that reports that version of Node.js. */
function runAs(version: string, args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`;
  const preload = `data:text/javascript,${encodeURIComponent(pretend)}`;
  return new Promise((done) => {
    execFile(
      process.execPath,
      ['--import', preload, projectPath('bin/latchkey.js'), ...args],
      (error, stdout, stderr) => done({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

test('on a Node.js that is too old, server and command say which one they need and exit 1', async () => {
  for (const version of ['20.20.2', '22.11.0']) {
    for (const args of [['start'], ['--help'], ['client', 'list']]) {
      const { code, stdout, stderr } = await runAs(version, args);
      assert.equal(code, 1);
      assert.equal(stdout, '');
      assert.match(stderr, /^Latchkey needs Node\.js 22\.12 or later, and this is [\d.]+\. [^\n]+\n$/);
    }
  }
  for (const version of ['22.12.0', '24.0.0', '26.1.0'])
    assert.equal((await runAs(version, ['--help'])).code, 0, version);
});
