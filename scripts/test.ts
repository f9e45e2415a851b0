import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { relative, resolve } from 'node:path';
import knex from 'knex';
import { adminUrls } from '../test/support/engines.ts';

/**
 * `npm test [-- file…]`: everything, on SQLite and on each engine and browser that is here. What was left out
 * is named; with CI=true it fails.
 */
async function answers(client: string, url: string): Promise<boolean> {
  const connection = knex({ client, connection: url, acquireConnectionTimeout: 3000 });
  try {
    await connection.raw('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await connection.destroy();
  }
}

const listens = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket.end() !== undefined));
    socket.on('error', () => resolve(false));
  });

const chromium =
  process.env.LATCHKEY_TEST_CHROMIUM ??
  ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => existsSync(path));
const found = {
  sqlite: true,
  postgres: await answers('pg', adminUrls.postgres),
  mariadb: await answers('mysql2', adminUrls.mariadb),
};
const engines = Object.entries(found)
  .filter(([, here]) => here)
  .map(([name]) => name);
const missing = Object.entries(found)
  .filter(([, here]) => !here)
  .map(([name]) => name);
if (!chromium) missing.push('chromium');
if (!(await listens(6379))) missing.push('redis');

process.stdout.write(`Engines: ${engines.join(', ')}. Browser: ${chromium ?? 'none'}.\n`);
if (missing.length > 0) {
  process.stdout.write(`LEFT OUT, because it does not answer or is not installed: ${missing.join(', ')}.\n`);
  if (process.env.CI === 'true') {
    process.stderr.write('With CI=true nothing may be left out.\n');
    process.exit(1);
  }
}

const given = process.argv.slice(2);
const files = (given.length > 0 ? given : find('test')).map(built);
const child = spawn(
  process.execPath,
  ['--enable-source-maps', '--test', '--test-concurrency=3', '--test-timeout=240000', ...files],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      NODE_NO_WARNINGS: '1',
      LATCHKEY_TEST_ENGINES: engines.join(','),
      ...(chromium ? { LATCHKEY_TEST_CHROMIUM: chromium } : {}),
    },
  },
);
child.on('exit', (code) => process.exit(code ?? 1));

/** A test as `tsc` leaves it; what begins with a dash is an option of `node --test`. */
function built(file: string): string {
  return file.startsWith('-') ? file : resolve('dist', relative('.', file)).replace(/\.ts$/, '.js');
}

function find(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `${folder}/${file}`)
    .sort();
}
