import { readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { QUICK_LOADING } from '../test/support/child-environment.ts';
import { prepareTemplates } from '../test/support/databases.ts';
import { type EngineName, urlVariable } from '../test/support/engines.ts';
import { withLongestTests } from '../test/support/longest-tests.ts';
import {
  isInstalled,
  type ServerName,
  startThrowaway,
  temporaryFolder,
} from '../test/support/throwaway/index.ts';
import { findProgram } from '../test/support/throwaway/program.ts';
import { writeQueue } from '../test/support/work-queue.ts';

/**
 * `npm test -- [options] [file…]` runs the tests on SQLite and on throw-away servers of every engine whose programs are
 * installed. With CI=true a missing one is an error. CONTRIBUTING.md explains the options.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Comma-separated, instead of all that were found. */
    engines: { type: 'string' },
    /** Only tests whose name matches this regular expression. */
    name: { type: 'string' },
    /** How often a race is repeated. */
    rounds: { type: 'string' },
    concurrency: { type: 'string', default: '6' },
  },
});

/** In milliseconds, for a test. Races that are repeated by hand take as long as they take. */
const TIMEOUT = values.rounds ? Number.POSITIVE_INFINITY : 300_000;
/** For a process with all of its tests. Several take turns on a core. */
const PROCESS_TIMEOUT = 4 * TIMEOUT;

const SERVERS: ServerName[] = ['postgres', 'mariadb', 'redis'];
const PACKAGES = {
  postgres: 'postgresql',
  mariadb: 'mariadb-server',
  redis: 'redis-server',
  chromium: 'chromium-headless-shell',
  firefox: 'firefox-esr',
  sqlite3: 'sqlite3',
};

const isSet = (engine: string) => Boolean(process.env[urlVariable(engine)]);
const isWanted = (engine: string) => !values.engines || values.engines.split(',').includes(engine);

const BROWSERS = {
  chromium: ['chromium-headless-shell', 'chromium', 'google-chrome'],
  firefox: ['firefox-esr', 'firefox'],
};
const missing: (keyof typeof PACKAGES)[] = SERVERS.filter(
  (name) => (name === 'redis' || isWanted(name)) && !isSet(name) && !isInstalled(name),
);
for (const name of ['chromium', 'firefox'] as const) {
  const variable = `LATCHKEY_TEST_${name.toUpperCase()}`;
  const program = process.env[variable] ?? BROWSERS[name].map(findProgram).find(Boolean);
  if (program) process.env[variable] = program;
  else missing.push(name);
}
if (!findProgram('sqlite3')) missing.push('sqlite3');
if (missing.length > 0) {
  const packages = missing.map((name) => PACKAGES[name]).join(' ');
  process.stdout.write(`Not tested: ${missing.join(', ')}. On Debian: apt-get install ${packages}\n`);
  if (process.env.CI === 'true') {
    process.stderr.write('With CI=true nothing may be missing.\n');
    process.exit(1);
  }
}

const cancel = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    cancel.abort();
    process.exit(1);
  });
}

const folder = temporaryFolder(true);
const servers = await Promise.all(
  SERVERS.filter((name) => isWanted(name) && !isSet(name) && !missing.includes(name)).map(async (name) => {
    const server = await startThrowaway(name, folder);
    process.env[urlVariable(name)] = server.url;
    return server;
  }),
);
const engines = (['sqlite', 'postgres', 'mariadb', 'mysql'] as EngineName[]).filter(
  (engine) => isWanted(engine) && (engine === 'sqlite' || isSet(engine)),
);
const templates = await prepareTemplates([...new Set(['sqlite' as const, ...engines])], folder);
Object.assign(process.env, {
  LATCHKEY_TEST_ENGINES: engines.join(','),
  LATCHKEY_TEST_TEMPLATE: templates.file,
  ...(values.rounds ? { LATCHKEY_TEST_ROUNDS: values.rounds } : {}),
  NODE_NO_WARNINGS: '1',
  NODE_COMPILE_CACHE: join(folder, 'compile-cache'),
  TMPDIR: folder,
});
process.stdout.write(`Engines: ${engines.join(', ')}.\n`);

/** A name selects too few tests of a file to wait for the others. */
const isWhole = positionals.length === 0 && !values.name;
const files = positionals.length > 0 ? positionals : allFiles();
const concurrency = Number(values.concurrency);
const tests = run({
  files: isWhole ? writeQueue(files, folder, concurrency, compiled) : files.map(compiled),
  execArgv: isWhole ? processArguments() : [],
  concurrency,
  timeout: isWhole ? PROCESS_TIMEOUT : TIMEOUT,
  signal: cancel.signal,
  ...(values.name ? { testNamePatterns: [new RegExp(values.name)] } : {}),
});
tests.on('test:fail', () => {
  process.exitCode = 1;
});
const report = Readable.from(withLongestTests(tests)).pipe(new spec());
for await (const text of report) process.stdout.write(text);
await templates.drop();
await Promise.all(servers.map((server) => server.stop()));

function allFiles(): string[] {
  return readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `test/${file}`)
    .sort();
}

/** Options of Node.js for a process with several files. A later limit replaces the runner's, which is for the process. */
function processArguments(): string[] {
  const limit = Number.isFinite(TIMEOUT) ? [`--test-timeout=${TIMEOUT}`] : [];
  const preload = pathToFileURL(compiled('test/support/without-async-hooks.ts')).href;
  return [...limit, ...QUICK_LOADING, '--import', preload];
}

/** @returns the path of the compiled test */
function compiled(file: string): string {
  return resolve('dist', relative('.', file)).replace(/\.ts$/, '.js');
}
