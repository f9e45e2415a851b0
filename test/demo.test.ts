import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { Browser, formOf } from './support/browser.ts';
import { freePort } from './support/free-port.ts';

const DEMO = resolve(import.meta.dirname, '../scripts/demo.js');

function demo(port: string) {
  const child = spawn(process.execPath, [DEMO, '--port', port], { env: { PATH: process.env.PATH } });
  const shown = { out: '', err: '' };
  child.stdout.on('data', (chunk) => {
    shown.out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    shown.err += chunk;
  });
  const ended = new Promise<number | null>((done) => child.on('exit', done));
  /** Waits for that text in the terminal. */
  const until = async (text: RegExp) => {
    while (!text.test(shown.out)) {
      if (child.exitCode !== null) assert.fail(shown.err);
      await new Promise((later) => setTimeout(later, 50));
    }
  };
  return { child, shown, ended, until };
}

test('the demo has an administrator, shows the mail that it sends, and takes another port', async (t) => {
  const port = await freePort();
  const { child, shown, ended, until } = demo(String(port));
  t.after(() => child.kill('SIGTERM'));
  await until(/Press Ctrl-C/);
  const [, username = '', password = ''] =
    /(\w+) +password: (.+?) {3}\(administrator\)/.exec(shown.out) ?? [];
  const browser = new Browser(`http://localhost:${port}`);
  const form = await formOf(await browser.follow(await browser.get('/admin')));
  const page = await browser.follow(await browser.post(form.action, { ...form.fields, username, password }));
  assert.match(await page.text(), /Invite someone/);
  const forgot = await formOf(await browser.get('/forgot'));
  await browser.post(forgot.action, { ...forgot.fields, email: 'mei@harbour.example' });
  await until(/Mail to mei@harbour\.example: .*\n[\s\S]*\/reset\?token=/);
  child.kill('SIGTERM');
  assert.equal(await ended, 0);
});

test('the demo says what to do when a port is taken or is none', async (t) => {
  const other = createServer();
  await new Promise<void>((done) => other.listen(0, 'localhost', done));
  t.after(() => other.close());
  const { port } = other.address() as { port: number };
  const taken = demo(String(port));
  assert.equal(await taken.ended, 1);
  assert.equal(
    taken.shown.err,
    `Another program uses port ${port}. Choose another one: npm run demo -- --port 3100\n`,
  );
  const wrong = demo('harbour');
  assert.equal(await wrong.ended, 1);
  assert.match(wrong.shown.err, /^The port is a number from 1 to 64535\.\nUsage: npm run demo/);
});
