import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectPath } from '../../src/kit/project-root.ts';
import { childEnvironment } from '../support/child-environment.ts';
import { createMigratedDatabase, SECRETS } from '../support/databases.ts';
import { freePort } from '../support/free-port.ts';

const isReady = (issuer: string) =>
  fetch(`${issuer}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );

test('a server serves whose output goes to a full disk', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const storage = await createMigratedDatabase('sqlite');
  const issuer = `http://127.0.0.1:${await freePort()}`;
  const full = openSync('/dev/full', 'w');
  const server = spawn(process.execPath, [projectPath('dist/src/main.js')], {
    cwd: projectPath('.'),
    env: childEnvironment({
      LATCHKEY_ISSUER: issuer,
      LATCHKEY_PORT: new URL(issuer).port,
      LATCHKEY_DATABASE_URL: storage.url,
      LATCHKEY_SECRETS: SECRETS.join(','),
      LATCHKEY_DRAIN: '0',
    }),
    stdio: ['ignore', full, full],
  });
  t.after(async () => {
    if (server.exitCode === null && server.kill('SIGTERM')) await once(server, 'exit');
    await storage.drop();
  });
  while (server.exitCode === null && !(await isReady(issuer))) await sleep(50);
  // By then, the lines of the start have failed.
  await sleep(200);
  assert.deepEqual([server.exitCode, await isReady(issuer)], [null, true]);
});
