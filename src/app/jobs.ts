import type { Config } from '../config/settings.ts';
import type { Database } from '../database/open.ts';
import type { Logger } from '../kit/log.ts';
import { runPeriodically } from '../kit/periodic-jobs.ts';
import { createRequestExpiry, purge } from '../maintenance/purge.ts';
import { KEYS_READ_EVERY_MS } from '../oidc/signing-keys/rotation-times.ts';
import type { Services } from './services.ts';

export interface JobDeps {
  config: Pick<Config, 'retention'>;
  database: Database;
  services: Services;
  log: Logger;
  /** Whether a job may begin its next part; false once the server stops. */
  shouldContinue(): boolean;
  /** Gives the engine signing keys that another server has made. */
  refreshKeys(): Promise<unknown>;
  compareClocks(): Promise<unknown>;
  deliverLogouts(shouldContinue: () => boolean): Promise<unknown>;
}

/** Starts everything that a server does by itself, with its interval in milliseconds. @returns a function that stops it */
export function startJobs(deps: JobDeps): () => Promise<unknown> {
  const { config, database, services, log, shouldContinue } = deps;
  const { connections } = services;
  const { retention } = config;
  const expire = createRequestExpiry(database);
  const every = (ms: number, name: string, work: () => Promise<unknown>) =>
    runPeriodically(ms, log, name, work);
  const jobs = [
    every(5000, 'expire-requests', () => expire({ shouldContinue })),
    every(KEYS_READ_EVERY_MS, 'signing-keys', deps.refreshKeys),
    every(60_000, 'purge', () => purge(database, { retention }, { shouldContinue })),
    every(600_000, 'clock', deps.compareClocks),
    every(60_000, 'closed-accounts', () => services.accounts.closing.deleteClosed()),
    every(30_000, 'archives', () => services.accountData.makeArchives()),
    every(2000, 'backchannel-logout', () => deps.deliverLogouts(shouldContinue)),
    every(30_000, 'client-usage', () => services.clientUsage.write()),
    every(30_000, 'connections', () => connections.refresh.refreshDue(shouldContinue)),
    every(30_000, 'connection-usage', () => connections.usage.write()),
    every(60_000, 'connection-sync', () => connections.sync.syncDue(shouldContinue)),
    every(2000, 'connection-log', () => connections.useLog.write()),
    every(2000, 'traces', () => services.traces.write()),
  ];
  return () => Promise.all(jobs.map((stop) => stop()));
}

/** What is left to do before the process ends: refreshes under way, and what was noted in memory. */
export const finishWork = ({ clientUsage, traces, connections }: Services) => ({
  refreshes: () => connections.refresh.settle(),
  usage: () => clientUsage.write(),
  traces: () => traces.write(),
  connections: () => connections.usage.write(),
  connection_log: () => connections.useLog.write(),
});
