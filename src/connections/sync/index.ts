import type { Knex } from 'knex';
import { LatchkeyError } from '../../kit/errors.ts';
import type { GuardedFetch } from '../../kit/guarded-fetch.ts';
import type { UseLog } from '../log/index.ts';
import { needsReconnect } from '../refusals.ts';
import { findTarget } from '../services/api-target.ts';
import type { Service } from '../services/service-config.ts';
import { READERS, type SyncReading } from './readers.ts';
import { claimSync, findSynced, listDueSyncs, type SyncedConnection, saveSync } from './store.ts';

export interface SyncDeps {
  knex: Knex;
  findService(name: string): Promise<Service | undefined>;
  getCredential(
    connectionId: string,
    options?: { notVersion?: number },
  ): Promise<{ version: number; accessToken: string; scope?: string | undefined }>;
  recordUse(connectionId: string): void;
  useLog: Pick<UseLog, 'begin'>;
  /** Five seconds and 64 KB for each answer; no redirect is followed. */
  fetch: GuardedFetch;
}

/** What a sync did with one resource. */
export interface SyncResult {
  resource: string;
  action: 'full_sync' | 'incremental_sync';
  status: 'completed' | 'failed';
  items: number | null;
  bytes: number | null;
  error: string | null;
}

interface Answer {
  status: number;
  body: string;
}

/** Connections that the job reads, one after the other: each waits for its service. */
const MAX_SYNCED_AT_ONCE = 20;
const DAY_MS = 86_400_000;
/** A little different for each connection, so that they are not all due at once. */
const nextDay = () => new Date(Date.now() + DAY_MS * (0.9 + Math.random() / 5));

const isAllowed = ({ scopes }: SyncReading, granted: string | undefined) =>
  scopes === undefined || granted === undefined || granted.split(/\s+/).some((scope) => scopes.test(scope));

/**
 * Reads the profile and a first page of what the scopes allow, which shows that a connection works. Only counts, and where the
 * next read begins, are stored.
 */
export function createSync(deps: SyncDeps) {
  const { knex } = deps;

  /** Asks the service, with one refresh when it refuses the credential. */
  async function ask(
    service: Service,
    id: string,
    path: string,
    params: Record<string, string>,
  ): Promise<Answer> {
    const query = new URLSearchParams(params).toString();
    const target = findTarget(service.apiBaseUrls, { path, query: query && `?${query}` });
    if (!target) throw needsReconnect(service.displayName);
    const get = async (accessToken: string): Promise<Answer> => {
      const { apiKey } = service.settings;
      const name = apiKey?.header ?? 'authorization';
      const headers = { accept: 'application/json', [name]: apiKey ? accessToken : `Bearer ${accessToken}` };
      deps.recordUse(id);
      const response = await deps.fetch(`${target.origin}${target.path}`, { headers });
      return { status: response.status, body: await response.text() };
    };
    const credential = await deps.getCredential(id);
    const answer = await get(credential.accessToken);
    if (answer.status !== 401) return answer;
    const renewed = await deps.getCredential(id, { notVersion: credential.version });
    return get(renewed.accessToken);
  }

  /** @returns whether the state is too old beside the result */
  async function readOnce(
    service: Service,
    connection: SyncedConnection,
    reading: SyncReading,
    state: string | undefined,
  ): Promise<SyncResult & { isStale: boolean }> {
    const { resource, incremental } = reading;
    const isIncremental = state !== undefined && incremental !== undefined;
    const action = isIncremental ? 'incremental_sync' : 'full_sync';
    const { accountId, id } = connection;
    const use = deps.useLog.begin({ accountId, service: service.name, clientId: null, action, resource });
    use.setConnection(id);
    const failed = (error: string, isStale = false) => {
      use.end({ status: 'failed', errorCode: error });
      return { resource, action, status: 'failed', items: null, bytes: null, error, isStale } as const;
    };
    try {
      const path = (isIncremental ? incremental.path : undefined) ?? reading.path;
      const params = isIncremental ? incremental.params(state) : reading.full;
      const { status, body } = await ask(service, id, path, params);
      if (isIncremental && reading.isStale?.(status, body)) return failed('state_expired', true);
      if (status !== 200) return failed(String(status));
      const page = reading.read(Object(JSON.parse(body)));
      const bytes = Buffer.byteLength(body);
      use.end({ status: 'completed', bytes, items: page.items, itemsTotal: page.total });
      if (page.next !== undefined) connection.state[resource] = page.next;
      return { resource, action, status: 'completed', items: page.items, bytes, error: null, isStale: false };
    } catch (error) {
      return failed(error instanceof LatchkeyError ? error.code : 'upstream_unreachable');
    }
  }

  async function read(connection: SyncedConnection, service: Service): Promise<SyncResult[]> {
    const { sync } = service.settings;
    const { scope } = await deps.getCredential(connection.id);
    const results: SyncResult[] = [];
    const add = ({ isStale: _, ...result }: SyncResult & { isStale: boolean }) => results.push(result);
    for (const reading of sync ? READERS[sync] : []) {
      if (!isAllowed(reading, scope)) continue;
      const first = await readOnce(service, connection, reading, connection.state[reading.resource]);
      add(first);
      if (!first.isStale) continue;
      delete connection.state[reading.resource];
      add(await readOnce(service, connection, reading, undefined));
    }
    await saveSync(knex, connection.id, connection.state);
    return results;
  }

  return {
    /** @throws LatchkeyError not_found, forbidden, or what the credential is refused with */
    async syncNow(id: string): Promise<SyncResult[]> {
      const connection = await findSynced(knex, id);
      const service = connection && (await deps.findService(connection.service));
      if (!connection || !service)
        throw new LatchkeyError(
          'not_found',
          'connection_unusable',
          `There is no connection ${id} that can be used.`,
        );
      if (!connection.isUsable) throw needsReconnect(service.displayName);
      return read(connection, service);
    },

    /** The job. Safe at several servers at once. @returns how many connections were read */
    async syncDue(shouldContinue: () => boolean = () => true): Promise<number> {
      let done = 0;
      for (const id of await listDueSyncs(knex, MAX_SYNCED_AT_ONCE)) {
        if (!shouldContinue()) break;
        const connection = await findSynced(knex, id);
        const service = connection && (await deps.findService(connection.service));
        const isRead = connection?.isUsable && service?.settings.sync !== undefined;
        if (!(await claimSync(knex, id, isRead || !service ? nextDay() : null))) continue;
        if (!connection || !service || !isRead) continue;
        // A connection that cannot be used is marked by the refresh.
        await read(connection, service).catch((error) => {
          if (!(error instanceof LatchkeyError)) throw error;
        });
        done += 1;
      }
      return done;
    },
  };
}
