import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBackground } from '../../src/kit/background.ts';
import type { Logger } from '../../src/kit/log.ts';

test('a mail server that does not respond delays no other work, and keeps a bounded number of mails', async () => {
  const lines: Record<string, unknown>[] = [];
  const log = { error: (line: Record<string, unknown>) => void lines.push(line) } as unknown as Logger;
  const background = createBackground(log);
  let respond = () => {};
  const response = new Promise<void>((resolve) => {
    respond = resolve;
  });
  let sent = 0;
  for (let index = 0; index < 1200; index += 1)
    background.runMail('notice', async () => {
      await response;
      sent += 1;
    });
  assert.equal(lines.filter(({ dropped }) => dropped === true).length, 200);
  await sleep(350);
  background.runMail('notice', async () => {});
  assert.equal(sent, 0);

  const done = new Promise<void>((resolve) => background.run('revoke_connection', async () => resolve()));
  assert.notEqual(await Promise.race([done, sleep(5000, 'late', { ref: false })]), 'late');

  await background.drain(50);
  assert.deepEqual(lines.at(-1), { job: 'drain', dropped: 1001 });
  respond();
  await background.drain(5000);
  assert.equal(sent, 1000);
});

test('what work adds while it ends is done too', async () => {
  const background = createBackground({ error: () => assert.fail() } as unknown as Logger);
  const did: string[] = [];
  background.run('archive', async () => {
    await sleep(20);
    did.push('archive');
    background.runMail('ready', async () => void did.push('mail'));
  });
  await background.drain(5000);
  assert.deepEqual(did, ['archive', 'mail']);
});
