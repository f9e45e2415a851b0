import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ACCOUNTS, ADMINISTRATOR, APPLICATION, seedDevelopment } from '../seeds/development.ts';
import { migrateLatest } from '../src/database/migrate.ts';
import { openDatabase } from '../src/database/open.ts';
import { createPasswordHashing } from '../src/identity/passwords/hashing.ts';
import { projectPath } from '../src/kit/project-root.ts';
import { createSecrets } from '../src/kit/secrets.ts';
import { startSink } from '../test/support/mail-server.ts';

/** `npm run demo`: a temporary server with an administrator and two other accounts, beside the example application. */
const USAGE = 'Usage: npm run demo -- [--port 3000]   (the application is at the port 1000 above)';
const APPLICATION_FILE = 'examples/web-application/index.js';
const SERVER_FILE = 'dist/src/main.js';
const children: ChildProcess[] = [];
let folder: string | undefined;

function stop(code: number): never {
  for (const child of children) child.kill('SIGTERM');
  if (folder) rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  return stop(1);
}

function readPort(): number {
  try {
    const { values } = parseArgs({ options: { port: { type: 'string' } } });
    const port = Number(values.port ?? process.env.DEMO_PORT ?? 3000);
    if (Number.isInteger(port) && port >= 1 && port <= 64_535) return port;
  } catch {
    // An unknown option is explained as a wrong port is.
  }
  return fail(`The port is a number from 1 to 64535.\n${USAGE}`);
}

/** Stops when another program has the port: the server's own message would not say how to choose another one. */
async function requireFree(port: number): Promise<void> {
  const server = createServer();
  const fault = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    server.once('error', resolve).listen(port, 'localhost', () => resolve(undefined));
  });
  if (fault)
    fail(
      fault.code === 'EADDRINUSE'
        ? `Another program uses port ${port}. Choose another one: npm run demo -- --port 3100`
        : `Port ${port} cannot be used: ${fault.message}. Choose another one: npm run demo -- --port 3100`,
    );
  await new Promise((resolve) => server.close(resolve));
}

/** Starts a program and waits for the line it prints when it is ready. */
function start(name: string, file: string, env: Record<string, string>, ready: RegExp): Promise<void> {
  if (!existsSync(projectPath(file))) fail(`${file} is missing. Run "npm ci" first, which builds it.`);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [projectPath(file)], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    child.stdout?.on('data', (chunk) => ready.test(String(chunk)) && resolve());
    child.on('exit', (code) => fail(`${name} ended (exit code ${code}), so the demo ends too.`));
  });
}

process.on('SIGINT', () => stop(0));
process.on('SIGTERM', () => stop(0));

const port = readPort();
const issuer = `http://localhost:${port}`;
const home = `http://localhost:${port + 1000}`;
await requireFree(port);
await requireFree(port + 1000);

folder = mkdtempSync(join(tmpdir(), 'latchkey-demo-'));
const url = `sqlite:${folder}/demo.sqlite`;
const secret = randomBytes(48).toString('base64');
const database = openDatabase(url);
await migrateLatest(database, url);
await seedDevelopment(database.knex, createPasswordHashing(createSecrets([secret])), home, [
  ADMINISTRATOR,
  ...ACCOUNTS,
]);
await database.close();

const mail = await startSink({ after: () => {} }, ({ to, subject, text }) => {
  process.stdout.write(`\n--- Mail to ${to.join(', ')}: ${subject}\n\n${text.trim()}\n\n---\n`);
});
await start(
  'The server',
  SERVER_FILE,
  {
    LATCHKEY_ISSUER: issuer,
    LATCHKEY_HOST: 'localhost',
    LATCHKEY_PORT: String(port),
    LATCHKEY_DATABASE_URL: url,
    LATCHKEY_SECRETS: secret,
    LATCHKEY_SMTP_URL: mail.url,
    LATCHKEY_LOG_LEVEL: 'warn',
  },
  /Latchkey is ready/,
);
await start(
  'The application',
  APPLICATION_FILE,
  {
    ISSUER: issuer,
    CLIENT_ID: APPLICATION.id,
    CLIENT_SECRET: APPLICATION.secret,
    PORT: String(port + 1000),
  },
  /application is at/,
);

const lines = [ADMINISTRATOR, ...ACCOUNTS].map(
  ({ username, password }) =>
    `         ${username.padEnd(6)} password: ${password}${username === ADMINISTRATOR.username ? '   (administrator)' : ''}`,
);
process.stdout.write(`
Open     ${home}   and press "Sign in", or
         ${issuer}/admin   to invite people as the administrator.
Use one of these accounts:
${lines.join('\n')}

Mail that the server sends is printed here. Nothing leaves this computer.
The server is at ${issuer}. Press Ctrl-C to stop it and delete its data.
`);
