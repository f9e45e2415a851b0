import { SET_UP_ADVICE } from './app/doctor.ts';
import { createApp } from './app/index.ts';
import { finishWork, startJobs } from './app/jobs.ts';
import { stopOnSignal } from './app/lifecycle.ts';
import type { Services } from './app/services.ts';
import { OPERATOR } from './audit/operator.ts';
import { ConfigError, loadConfig } from './config/index.ts';
import type { Config } from './config/settings.ts';
import { countUnreadable, describeUnreadable } from './connections/vault/sealed-store.ts';
import { findClockFault } from './database/clock.ts';
import { explainFault } from './database/connect-faults.ts';
import { describeDatabase } from './database/engine-of-url.ts';
import { migrateLatest, readSchemaStatus, requireDatabase } from './database/migrate.ts';
import { openDatabase } from './database/open.ts';
import { describePoolerOrCluster } from './database/pooler-or-cluster.ts';
import { restrictFiles } from './database/sqlite-files.ts';
import { LatchkeyError } from './kit/errors.ts';
import { createLog } from './kit/log.ts';
import { releaseMemory } from './kit/memory.ts';
import { printError } from './kit/terminal.ts';
import { createKeyRefresh } from './oidc/signing-keys/refresh.ts';
import { createHttpServer } from './web/http-server.ts';

/**
 * In production the sentence names the command instead of the link, because whoever reads the log could use the link.
 * @returns how to become the first administrator, or undefined once there is one
 */
async function describeSetUp({ production }: Config, { invitations }: Services): Promise<string | undefined> {
  if (await invitations.isAdministered()) return undefined;
  if (production) return `Nobody administers this server yet. ${SET_UP_ADVICE}`;
  const { url } = await invitations.createSetUpLink(OPERATOR);
  return `Nobody administers this server yet. Become its administrator at ${url}`;
}

/** `latchkey start`: configuration → database → app → jobs → listen → drain. */
async function start(config: Config): Promise<void> {
  const log = createLog(config.logLevel);
  for (const notice of [...config.notices, ...restrictFiles(config.databaseUrl)])
    log.warn({ event: 'configuration', notice });
  if (config.implicitGrant)
    log.warn({
      event: 'configuration',
      notice:
        'LATCHKEY_IMPLICIT_GRANT is on: applications can get tokens in an address, which OAuth 2.1 has removed.',
    });
  if (config.unknownVariables.length > 0) log.warn({ unknown_variables: config.unknownVariables });
  if (config.production) await requireDatabase(config.databaseUrl);
  const database = openDatabase(config.databaseUrl, config.databasePool);
  if (!config.production) await migrateLatest(database, config.databaseUrl);
  else {
    const { advice } = await readSchemaStatus(database);
    if (advice)
      throw new LatchkeyError('conflict', 'schema_not_current', `The schema is not current. ${advice}`);
  }
  const surroundings = await describePoolerOrCluster(database);
  if (surroundings) log.info({ event: 'database', surroundings });
  const compareClocks = async () => {
    const fault = await findClockFault(database);
    if (fault) log.warn({ event: 'clock', fault });
  };
  await compareClocks();
  let stopping = false;
  const isStopping = () => stopping;
  const { provider, services, deliverLogouts, close } = await createApp({
    config,
    database,
    log,
    isStopping,
  });
  // Otherwise each call with one of them would fail until somebody notices, and by then the key may be gone for good.
  const { unreadable } = await countUnreadable(database.knex, services.secrets);
  if (unreadable > 0)
    throw new LatchkeyError('conflict', 'start_key_missing', describeUnreadable(unreadable));
  const server = createHttpServer({
    listener: provider.callback(),
    log,
    keepAliveSeconds: config.keepAlive,
    secure: config.issuer.startsWith('https:'),
  });
  const stopJobs = startJobs({
    config,
    database,
    services,
    log,
    shouldContinue: () => !stopping,
    refreshKeys: createKeyRefresh(services.signingKeys, provider, log),
    compareClocks,
    deliverLogouts,
  });
  stopOnSignal({
    server,
    log,
    drainSeconds: config.drain,
    onStop() {
      stopping = true;
    },
    closing: {
      jobs: stopJobs,
      ...finishWork(services),
      mail: close,
      database: () => database.close(),
    },
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.port, config.host, resolve);
  });
  // Whatever reads these lines may be gone, or its disk full. The server serves all the same.
  process.stdout.on('error', () => {});
  // Printed before the ready line, so that a program that waits for the ready line has both.
  const setUp = await describeSetUp(config, services);
  if (setUp) process.stdout.write(`${setUp}\n`);
  process.stdout.write(`The data is in ${describeDatabase(config.databaseUrl)}\n`);
  process.stdout.write(`Latchkey is ready at ${config.issuer}\n`);
  releaseMemory();
}

/** Why the server cannot listen, or undefined for another error. */
function describeListenFault(error: NodeJS.ErrnoException, { host, port }: Config): string | undefined {
  if (error.code === 'EADDRINUSE')
    return `The port is in use. Set LATCHKEY_PORT to another one than ${port}.`;
  if (error.syscall === 'listen' && error.code === 'EACCES')
    return `This user may not listen on port ${port}. Set LATCHKEY_PORT to 1024 or more, and let a proxy use ${port}.`;
  if (
    error.code === 'EADDRNOTAVAIL' ||
    (error.syscall === 'getaddrinfo' && error.message.endsWith(` ${host}`))
  )
    return `This machine has no address ${host}. Set LATCHKEY_HOST to one that it has, or to 0.0.0.0.`;
  return undefined;
}

function exitWith(error: unknown): never {
  const isExpected = error instanceof ConfigError || error instanceof LatchkeyError;
  const { message, stack } = error as Error;
  printError(isExpected || !(error instanceof Error) ? message : (stack ?? message));
  process.exit(1);
}

function readConfig(): Config {
  try {
    return loadConfig();
  } catch (error) {
    return exitWith(error);
  }
}

const config = readConfig();
start(config).catch((error: Error) => {
  const fault = describeListenFault(error, config);
  if (fault === undefined) exitWith(explainFault(error, config.databaseUrl));
  printError(fault);
  process.exit(1);
});
