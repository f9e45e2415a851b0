import { SET_UP_ADVICE } from './app/doctor.ts';
import { createApp } from './app/index.ts';
import { stopOnSignal } from './app/lifecycle.ts';
import type { Services } from './app/services.ts';
import { ConfigError, loadConfig } from './config/index.ts';
import type { Config } from './config/settings.ts';
import { findClockFault } from './database/clock.ts';
import { explainFault } from './database/connect-faults.ts';
import { describeDatabase } from './database/database-url.ts';
import { migrateLatest, readSchemaStatus, requireDatabase } from './database/migrate.ts';
import { openDatabase } from './database/open.ts';
import { describePoolerOrCluster } from './database/pooler-or-cluster.ts';
import { restrictFiles } from './database/sqlite-files.ts';
import { LatchkeyError } from './kit/errors.ts';
import { createLog } from './kit/log.ts';
import { releaseMemory } from './kit/memory.ts';
import { runPeriodically } from './kit/periodic-jobs.ts';
import { createRequestExpiry, purge } from './maintenance/purge.ts';
import { createKeyRefresh } from './oidc/signing-keys/refresh.ts';
import { REFRESH_MS } from './oidc/signing-keys/times.ts';
import { createHttpServer } from './web/http-server.ts';

/**
 * In production the sentence names the command instead of the link, because whoever reads the log could use the link.
 * @returns how to become the first administrator, or undefined once there is one
 */
async function describeSetUp({ production }: Config, { invitations }: Services): Promise<string | undefined> {
  if (await invitations.isAdministered()) return undefined;
  if (production) return `Nobody administers this server yet. ${SET_UP_ADVICE}`;
  const { url } = await invitations.createSetUpLink({ accountId: null });
  return `Nobody administers this server yet. Become its administrator at ${url}`;
}

/** `latchkey start`: configuration → database → app → listen → drain. */
async function start(config: Config): Promise<void> {
  const log = createLog(config.logLevel);
  for (const notice of [...config.notices, ...restrictFiles(config.databaseUrl)])
    log.warn({ event: 'configuration', notice });
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
  const server = createHttpServer({
    listener: provider.callback(),
    log,
    keepAliveSeconds: config.keepAlive,
    secure: config.issuer.startsWith('https:'),
  });
  const shouldContinue = () => !stopping;
  const expire = createRequestExpiry(database);
  const refreshKeys = createKeyRefresh(services.signingKeys, provider, log);
  const { retention } = config;
  const jobs = [
    runPeriodically(5000, log, 'expire-requests', () => expire({ shouldContinue })),
    runPeriodically(REFRESH_MS, log, 'signing-keys', () => refreshKeys()),
    runPeriodically(60_000, log, 'purge', () => purge(database, { retention }, { shouldContinue })),
    runPeriodically(600_000, log, 'clock', compareClocks),
    runPeriodically(60_000, log, 'closed-accounts', () => services.accounts.closing.deleteClosed()),
    runPeriodically(30_000, log, 'archives', () => services.accountData.makeArchives()),
    runPeriodically(2000, log, 'backchannel-logout', () => deliverLogouts(shouldContinue)),
    runPeriodically(30_000, log, 'client-usage', () => services.clientUsage.write()),
    runPeriodically(30_000, log, 'connections', () =>
      services.connections.refresh.refreshDue(shouldContinue),
    ),
    runPeriodically(30_000, log, 'connection-usage', () => services.connections.usage.write()),
    runPeriodically(60_000, log, 'connection-sync', () => services.connections.sync.syncDue(shouldContinue)),
    runPeriodically(2000, log, 'connection-log', () => services.connections.useLog.write()),
    runPeriodically(2000, log, 'traces', () => services.traces.write()),
  ];
  stopOnSignal({
    server,
    log,
    drainSeconds: config.drain,
    onStop() {
      stopping = true;
    },
    closing: {
      jobs: () => Promise.all(jobs.map((stopJob) => stopJob())),
      usage: () => services.clientUsage.write(),
      traces: () => services.traces.write(),
      connections: () => services.connections.usage.write(),
      connection_log: () => services.connections.useLog.write(),
      mail: close,
      database: () => database.close(),
    },
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.port, config.host, resolve);
  });
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
  process.stderr.write(
    `${isExpected || !(error instanceof Error) ? (error as Error).message : error.stack}\n`,
  );
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
  process.stderr.write(`${fault}\n`);
  process.exit(1);
});
