import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { type Database, openDatabase } from '../../src/database/open.ts';
import type { Accounts } from '../../src/identity/accounts/index.ts';
import { projectPath } from '../../src/kit/project-root.ts';
import { createSecrets } from '../../src/kit/secrets.ts';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import type { ClientInput } from '../../src/oidc/clients/input.ts';
import { createClients } from '../../src/oidc/clients/service.ts';
import { childEnvironment, QUICK_LOADING } from './child-environment.ts';
import { createDatabase, createMigratedDatabase, SECRETS, type TestDatabase } from './databases.ts';
import type { EngineName } from './engines.ts';
import { freePort } from './free-port.ts';
import { cheapHashes, PASSWORD } from './server.ts';
import { release, startInHost } from './server-host.ts';
import { accountsWithoutRules, servicesOn } from './services.ts';

const main = resolve(import.meta.dirname, '../../src/main.js');
const host = resolve(import.meta.dirname, 'server-host-process.js');
const OPERATOR = { accountId: null };
const READY = 'Latchkey is ready at';

/** How often a race or a crash is repeated: a few times in the suite, LATCHKEY_TEST_ROUNDS by hand. */
export const rounds = (inSuite: number) => Number(process.env.LATCHKEY_TEST_ROUNDS ?? inSuite);

export interface ServerProcess {
  /** The address where this process listens. Its issuer may be that of another server. */
  issuer: string;
  /** Of the process that runs now. */
  pid(): number | undefined;
  /** Standard output and error since the first start. */
  output(): string;
  kill(signal: NodeJS.Signals): Promise<number | null>;
  /** Starts again on the same port, after `kill`. */
  restart(): Promise<void>;
  /** Ends the server, if it runs. */
  end(): Promise<void>;
}

/** @param isFresh whether no other server may have run in the process */
function spawnServer(
  settings: NodeJS.ProcessEnv,
  onOutput: (text: string) => void,
  isFresh: boolean,
): ChildProcess {
  const env = childEnvironment({ LATCHKEY_HOST: '127.0.0.1', ...settings });
  const preload = [...QUICK_LOADING, '--import', cheapHashes];
  const options = { cwd: projectPath('.'), env };
  const child = isFresh
    ? spawn(process.execPath, [...preload, main], { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    : startInHost([...preload, host], options);
  child.stdout?.on('data', (chunk) => onOutput(String(chunk)));
  child.stderr?.on('data', (chunk) => onOutput(String(chunk)));
  return child;
}

/** Runs a server that is expected to exit at its start. */
export async function runToExit(env: NodeJS.ProcessEnv): Promise<{ code: number | null; output: string }> {
  let output = '';
  const add = (text: string) => {
    output += text;
  };
  const child = spawnServer(env, add, true);
  const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
  const code = await new Promise<number | null>((done) => child.once('close', done));
  clearTimeout(late);
  return { code, output };
}

async function startProcess(env: NodeJS.ProcessEnv, isFresh: boolean): Promise<ServerProcess> {
  const issuer = `http://127.0.0.1:${env.LATCHKEY_PORT}`;
  let output = '';
  let child: ChildProcess;
  const start = () =>
    new Promise<void>((done, reject) => {
      const before = output.length;
      const add = (text: string) => {
        output += text;
        if (output.indexOf(READY, before) >= 0) done();
      };
      child = spawnServer(env, add, isFresh);
      child.once('exit', (code) =>
        reject(new Error(`the server ended with ${code}: ${output.slice(before)}`)),
      );
    });
  await start();
  const kill = (signal: NodeJS.Signals) =>
    new Promise<number | null>((done) => {
      if (child.exitCode !== null || child.signalCode !== null) return done(child.exitCode);
      child.once('close', (code) => done(code));
      child.kill(signal);
    });
  return {
    issuer,
    pid: () => child.pid,
    output: () => output,
    kill,
    restart: start,
    end: async () => void (await (isFresh ? kill('SIGKILL') : release(child))),
  };
}

/** A new database, server processes that use it, and direct access to it for this process. */
export interface World {
  storage: TestDatabase;
  database: Database;
  accounts: Accounts;
  /** Starts a server. The first server's address is the issuer of all. */
  start(env?: NodeJS.ProcessEnv): Promise<ServerProcess>;
  createClient(input?: Partial<ClientInput>): Promise<ClientDocument>;
  createAccount(username?: string): Promise<{ id: string; username: string; password: string }>;
}

export async function openWorld(
  t: Pick<TestContext, 'after'>,
  engine: EngineName,
  options: {
    empty?: boolean;
    storage?: TestDatabase;
    /** For tests of how a server starts, ends or uses memory: each gets a process that has run no other. */
    fresh?: boolean;
  } = {},
): Promise<World> {
  await import(cheapHashes);
  const storage =
    options.storage ?? (await (options.empty ? createDatabase : createMigratedDatabase)(engine));
  const database = openDatabase(storage.url, 3);
  const servers: ServerProcess[] = [];
  t.after(async () => {
    await Promise.all(servers.map((server) => server.end()));
    await database.close();
    await storage.drop();
  });
  let issuer: string | undefined;
  const accounts = accountsWithoutRules(servicesOn(database), database);
  return {
    storage,
    database,
    accounts,
    async start(env = {}) {
      const port = await freePort();
      issuer ??= `http://127.0.0.1:${port}`;
      // A server may read other variables only when its process starts.
      const isFresh = options.fresh || Object.keys(env).some((name) => !name.startsWith('LATCHKEY_'));
      const settings = {
        LATCHKEY_PORT: String(port),
        LATCHKEY_ISSUER: issuer,
        LATCHKEY_DATABASE_URL: storage.url,
        LATCHKEY_DATABASE_POOL: '5',
        LATCHKEY_SECRETS: SECRETS.join(','),
        LATCHKEY_LOG_LEVEL: 'warn',
        LATCHKEY_DRAIN: '0',
        ...env,
      };
      const server = await startProcess(settings, isFresh);
      servers.push(server);
      return server;
    },
    createClient: (input = {}) =>
      createClients({
        knex: database.knex,
        issuer: issuer ?? 'http://127.0.0.1',
        secrets: createSecrets(SECRETS),
      }).create(OPERATOR, {
        name: 'Fieldnotes',
        redirectUris: ['https://fieldnotes.example/cb'],
        ...input,
      }),
    async createAccount(username = 'ada') {
      const account = await accounts.create(OPERATOR, {
        username,
        email: `${username}@harbour.example`,
        scope: 'openid profile email',
        password: PASSWORD,
      });
      return { id: account.id, username, password: PASSWORD };
    },
  };
}
