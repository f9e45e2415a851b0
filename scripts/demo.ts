import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ACCOUNTS, APPLICATION, seedDevelopment } from '../seeds/development.ts';
import { migrateLatest } from '../src/database/migrate.ts';
import { openDatabase } from '../src/database/open.ts';
import { createPasswordHashing } from '../src/identity/passwords/hashing.ts';
import { projectPath } from '../src/kit/project-root.ts';
import { createSecrets } from '../src/kit/secrets.ts';

/** `npm run demo`: a temporary server with two accounts, beside the example web application. */
const port = Number(process.env.DEMO_PORT ?? 3000);
const issuer = `http://localhost:${port}`;
const home = `http://localhost:${port + 1000}`;
const folder = mkdtempSync(join(tmpdir(), 'latchkey-demo-'));
const url = `sqlite:${folder}/demo.sqlite`;
const secret = randomBytes(48).toString('base64');
const children: ChildProcess[] = [];

function stop(code: number): void {
  for (const child of children) child.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}

/** Starts a program and waits for the line it prints when it is ready. */
function start(file: string, env: Record<string, string>, ready: RegExp): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [projectPath(file)], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    child.stdout?.on('data', (chunk) => ready.test(String(chunk)) && resolve());
    child.on('exit', (code) => stop(code ?? 1));
  });
}

process.on('SIGINT', () => stop(0));
process.on('SIGTERM', () => stop(0));

const database = openDatabase(url);
await migrateLatest(database, url);
await seedDevelopment(database.knex, createPasswordHashing(createSecrets([secret])), home);
await database.close();

const server = {
  LATCHKEY_ISSUER: issuer,
  LATCHKEY_HOST: 'localhost',
  LATCHKEY_PORT: String(port),
  LATCHKEY_DATABASE_URL: url,
  LATCHKEY_SECRETS: secret,
  LATCHKEY_LOG_LEVEL: 'warn',
};
await start('dist/src/main.js', server, /Latchkey is ready/);
const application = {
  ISSUER: issuer,
  CLIENT_ID: APPLICATION.id,
  CLIENT_SECRET: APPLICATION.secret,
  PORT: String(port + 1000),
};
await start('examples/web-application/index.js', application, /application is at/);

process.stdout.write(`
Open     ${home}   and press "Sign in".
Use one of these accounts:
${ACCOUNTS.map(({ username, password }) => `         ${username.padEnd(6)} password: ${password}`).join('\n')}

The server is at ${issuer}. Press Ctrl-C to stop it and delete its data.
`);
