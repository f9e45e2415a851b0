import { setTimeout as sleep } from 'node:timers/promises';
import { uuidv7 } from '../../kit/ids.ts';
import { REFRESH_BEFORE_END_MS } from '../refresh-times.ts';
import { needsReconnect, notConnected, refreshPending, upstreamUnreachable } from '../refusals.ts';
import type { Service } from '../services/service-config.ts';
import type { VaultCredential } from '../vault/credential-store.ts';
import { type AttemptDeps, createAttempt, endsWithin } from './attempt.ts';
import { listDue, postpone, takeLease } from './lease-store.ts';

export interface RefreshDeps extends AttemptDeps {
  vault: AttemptDeps['vault'] & { open(connectionId: string): Promise<VaultCredential | undefined> };
  findService(name: string): Promise<Service | undefined>;
}

/** How long a request waits for the refresh of another server. A request to a token endpoint takes at most five seconds. */
const MAX_WAIT_MS = 8000;
const POLL_MS = 60;
const HOUR_MS = 3_600_000;
/** Connections that the job refreshes at once. */
const MAX_REFRESHED_AT_ONCE = 5;

/** Waits for work that goes on when the time is over. @throws LatchkeyError refresh_pending then */
async function waitFor<T>(work: Promise<T>): Promise<T> {
  const stop = new AbortController();
  const late = sleep(MAX_WAIT_MS, undefined, { signal: stop.signal, ref: false }).then(() => {
    throw refreshPending();
  });
  return Promise.race([work, late]).finally(() => stop.abort());
}

/**
 * Access tokens that work. However many requests of however many servers need a new one, the service is asked once: the
 * holder of a lease asks, the others wait for its answer in the database.
 */
export function createRefresh(deps: RefreshDeps) {
  const { knex, vault } = deps;
  const attempt = createAttempt(deps);
  /** The refreshes of this process, by connection. */
  const underWay = new Map<string, Promise<VaultCredential>>();

  /** The service has refused for good: it is not asked again. */
  const hasEnded = ({ failedRefreshes, refreshDueAt }: VaultCredential) =>
    failedRefreshes > 0 && refreshDueAt === undefined;
  /** A connection that another server has just refreshed is no longer due. */
  const isNotDue = ({ refreshDueAt }: VaultCredential) =>
    refreshDueAt === undefined || refreshDueAt.getTime() > Date.now();
  const isPaused = ({ failedRefreshes, refreshDueAt }: VaultCredential) =>
    failedRefreshes > 0 && refreshDueAt !== undefined && refreshDueAt.getTime() > Date.now();

  /** @param isWanted whether this credential will do @param refused the version that the service has refused */
  async function refreshUntil(
    connectionId: string,
    isWanted: (credential: VaultCredential) => boolean,
    refused: number | undefined,
  ): Promise<VaultCredential> {
    const until = performance.now() + MAX_WAIT_MS;
    const owner = uuidv7();
    let asked = false;
    while (performance.now() < until) {
      const credential = await vault.open(connectionId);
      if (!credential) throw notConnected('the service');
      const { refreshToken, service: name } = credential;
      // Tokens that have just come are used, even if the service lets them end at once.
      if (isWanted(credential) || asked) return credential;
      if (refreshToken === undefined) {
        const isExpired = endsWithin(credential, 0);
        if (!isExpired && credential.version !== refused) return credential;
        const code = isExpired ? 'expired' : 'revoked';
        if (await vault.markBroken(connectionId, code)) deps.notifyBroken(credential, code);
        throw needsReconnect(name, code);
      }
      if (hasEnded(credential)) throw needsReconnect(name);
      if (isPaused(credential)) {
        if (!endsWithin(credential, 0)) return credential;
        throw upstreamUnreachable(new Error('the last refresh failed a moment ago'));
      }
      const service = await deps.findService(name);
      if (!service) throw notConnected(name);
      if (await takeLease(knex, credential, owner)) {
        asked = (await attempt({ ...credential, refreshToken }, service, owner)) !== 'superseded';
      } else await sleep(POLL_MS * (0.5 + Math.random()));
    }
    throw refreshPending();
  }

  /** Requests of this process share one refresh. */
  function refreshOnce(
    connectionId: string,
    isWanted: (credential: VaultCredential) => boolean,
    refused?: number,
  ): Promise<VaultCredential> {
    const found = underWay.get(connectionId);
    if (found) return waitFor(found);
    const work = refreshUntil(connectionId, isWanted, refused).finally(() => underWay.delete(connectionId));
    underWay.set(connectionId, work);
    return waitFor(work);
  }

  return {
    /**
     * A credential that works, as far as is known.
     * @param options `notVersion`: the version that the service has refused
     * @throws LatchkeyError not_connected, needs_reconnect, credential_damaged, upstream_unreachable, refresh_pending
     */
    async getFresh(connectionId: string, options: { notVersion?: number } = {}): Promise<VaultCredential> {
      const isWanted = (credential: VaultCredential) =>
        credential.version !== options.notVersion && !endsWithin(credential, REFRESH_BEFORE_END_MS);
      const credential = await vault.open(connectionId);
      if (!credential) throw notConnected('the service');
      if (isWanted(credential)) return credential;
      return refreshOnce(connectionId, isWanted, options.notVersion);
    },

    /** The job: refreshes what ends soon. Safe at several servers at once. @returns how many were tried */
    async refreshDue(shouldContinue: () => boolean = () => true): Promise<number> {
      let tried = 0;
      while (shouldContinue()) {
        const due = await listDue(knex, MAX_REFRESHED_AT_ONCE);
        if (due.length === 0) break;
        await Promise.all(
          due.map(async (connectionId) => {
            const before = await vault.open(connectionId).catch(() => undefined);
            const service = before && (await deps.findService(before.service).catch(() => undefined));
            // A disabled service may be enabled again, its secret may be set again; what is damaged waits for its owner.
            if (!before || !service)
              return postpone(knex, connectionId, before ? new Date(Date.now() + HOUR_MS) : null);
            await refreshOnce(connectionId, isNotDue).catch(() => undefined);
          }),
        );
        tried += due.length;
      }
      return tried;
    },

    /** Resolves when no refresh is under way: a process that ends before that loses the tokens of the answer. */
    async settle(): Promise<void> {
      while (underWay.size > 0) await Promise.allSettled(underWay.values());
    },
  };
}
