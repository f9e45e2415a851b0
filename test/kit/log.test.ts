import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { createLog } from '../../src/kit/log.ts';

test('an error is logged at once, and no line makes the server wait for the disk', async (t) => {
  const written = t.mock.method(fs, 'writeSync', (_fd: number, text: string) => Buffer.byteLength(text));
  const synced = t.mock.method(fs, 'fsyncSync', () => {});
  const log = createLog('info');
  log.info('a line');
  assert.equal(written.mock.callCount(), 0);
  log.error('an error');
  const text = written.mock.calls.map(({ arguments: [, line] }) => line).join('');
  assert.deepEqual(
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).msg),
    ['a line', 'an error'],
  );
  log.info('another line');
  while (written.mock.callCount() < 2) await new Promise((done) => setTimeout(done, 20));
  assert.equal(synced.mock.callCount(), 0);
});

test('a log that cannot be written ends no server, and its lines are bounded', (t) => {
  let isFull = true;
  const written: string[] = [];
  t.mock.method(fs, 'writeSync', (_fd: number, text: string) => {
    if (isFull) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    written.push(text);
    return Buffer.byteLength(text);
  });
  const log = createLog('info');
  for (let count = 0; count < 30_000; count += 1) log.info('x'.repeat(100));
  log.error('the disk is full');
  isFull = false;
  for (let count = 0; count < 100; count += 1) log.error('there is room again');
  const text = written.join('');
  assert.match(text, /there is room again"\}\n$/);
  assert.ok(text.length < 1_200_000, `${text.length} bytes`);
});
