import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import type { GuardedFetch } from '../../kit/guarded-fetch.ts';
import { uuidv7 } from '../../kit/ids.ts';
import type { Logger } from '../../kit/log.ts';
import { needsReconnect, notConnected, refreshPending, upstreamUnreachable } from '../refusals.ts';
import { loadOAuthClient, toConfiguration } from '../services/oauth-client.ts';
import type { Service } from '../services/service-config.ts';
import { readTokenAnswer } from '../services/token-answer.ts';
import type { UpstreamTokens, VaultCredential } from '../vault/credential-store.ts';
import { describeFailure, pauseAfter, type RefreshFailure } from './failures.ts';
import { beginAttempt, endAttempt, endLease, listDue, postpone, takeLease } from './lease-store.ts';

export interface RefreshDeps {
  knex: Knex;
  vault: {
    open(connectionId: string): Promise<VaultCredential | undefined>;
    replaceTokens(credential: VaultCredential, tokens: UpstreamTokens): Promise<boolean>;
    markBroken(connectionId: string, code: string): Promise<boolean>;
  };
  findService(name: string): Promise<Service | undefined>;
  fetch: GuardedFetch;
  allowPrivate: boolean;
  log: Logger;
  /** Tells the owner that a connection needs them. Called once for each time that it breaks. */
  notifyBroken(credential: { accountId: string; service: string }, code: string): void;
}

/** A token that ends within this time is refreshed before it is used. */
const SPARE_MS = 60_000;
/** How long a request waits for the refresh of another server. A request to a token endpoint takes at most five seconds. */
const WAIT_MS = 8000;
const POLL_MS = 60;
/** How long tokens that the service has answered with are kept in memory while the database cannot store them. */
const STORE_TRIES = 10;
const STORE_PAUSE_MS = 500;
const HOUR_MS = 3_600_000;
/** Connections that the job refreshes at once. */
const AT_ONCE = 5;

const endsWithin = ({ expiresAt }: VaultCredential, ms: number) =>
  expiresAt !== undefined && expiresAt.getTime() - Date.now() < ms;

/**
 * Access tokens that work. However many requests of however many servers need a new one, the service is asked once: the
 * holder of a lease asks, the others wait for its answer in the database.
 */
export function createRefresh(deps: RefreshDeps) {
  const { knex, vault, log } = deps;
  /** Of this process, by connection. */
  const underWay = new Map<string, Promise<VaultCredential>>();

  async function ask(service: Service, refreshToken: string): Promise<UpstreamTokens> {
    const client = await loadOAuthClient();
    const configuration = await toConfiguration(service, deps);
    return readTokenAnswer(await client.refreshTokenGrant(configuration, refreshToken));
  }

  /** The service may have ended the old refresh token, so an unavailable database is asked again before these are given up. */
  async function store(credential: VaultCredential, tokens: UpstreamTokens): Promise<boolean> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await vault.replaceTokens(credential, tokens);
      } catch (error) {
        if (attempt === STORE_TRIES) throw error;
        await sleep(STORE_PAUSE_MS);
      }
    }
  }

  async function fail(credential: VaultCredential, owner: string, failure: RefreshFailure): Promise<void> {
    const { connectionId, service } = credential;
    const failures = credential.failedRefreshes + 1;
    const pause = failure.isPermanent ? undefined : pauseAfter(failures, failure.retryAfter) * 1000;
    const retryAt = pause === undefined ? undefined : new Date(Date.now() + pause);
    await endLease(knex, credential, { owner, failures, retryAt });
    log.warn({ event: 'connection_refresh_failed', service, code: failure.code, failures });
    if (failure.isPermanent && (await vault.markBroken(connectionId, failure.code)))
      deps.notifyBroken(credential, failure.code);
  }

  /** Asks the service, with the lease. */
  async function refreshWithLease(
    credential: VaultCredential & { refreshToken: string },
    service: Service,
    owner: string,
  ): Promise<void> {
    const attempt = await beginAttempt(knex, credential.id, credential.refreshToken);
    const began = performance.now();
    try {
      const tokens = await ask(service, credential.refreshToken);
      const ms = performance.now() - began;
      const isStored = await store(credential, tokens);
      const error = isStored ? undefined : { code: 'superseded', message: 'connected again' };
      await endAttempt(knex, attempt, { newToken: tokens.refreshToken, ms, ...(error && { error }) });
    } catch (error) {
      const failure = describeFailure(error);
      await endAttempt(knex, attempt, { error: failure, ms: performance.now() - began });
      await fail(credential, owner, failure);
      // What is still valid can be used until the service answers again.
      if (failure.isPermanent) throw needsReconnect(credential.service, failure.code);
      if (endsWithin(credential, 0)) throw upstreamUnreachable(error);
    }
  }

  /** The service has refused for good: it is not asked again. */
  const hasEnded = ({ failedRefreshes, refreshDueAt }: VaultCredential) =>
    failedRefreshes > 0 && refreshDueAt === undefined;
  /** What another server has just refreshed is not due any more. */
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
    const until = performance.now() + WAIT_MS;
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
        await refreshWithLease({ ...credential, refreshToken }, service, owner);
        asked = true;
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
    if (found) return found;
    const work = refreshUntil(connectionId, isWanted, refused).finally(() => underWay.delete(connectionId));
    underWay.set(connectionId, work);
    return work;
  }

  return {
    /**
     * A credential that works, as far as is known.
     * @param options `notVersion`: the version that the service has refused
     * @throws LatchkeyError not_connected, needs_reconnect, credential_damaged, upstream_unreachable, refresh_pending
     */
    async getFresh(connectionId: string, options: { notVersion?: number } = {}): Promise<VaultCredential> {
      const isWanted = (credential: VaultCredential) =>
        credential.version !== options.notVersion && !endsWithin(credential, SPARE_MS);
      const credential = await vault.open(connectionId);
      if (!credential) throw notConnected('the service');
      if (isWanted(credential)) return credential;
      return refreshOnce(connectionId, isWanted, options.notVersion);
    },

    /** The job: refreshes what ends soon. Safe at several servers at once. @returns how many were tried */
    async refreshDue(shouldContinue: () => boolean = () => true): Promise<number> {
      let tried = 0;
      while (shouldContinue()) {
        const due = await listDue(knex, AT_ONCE);
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
  };
}
