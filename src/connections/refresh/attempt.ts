import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import type { GuardedFetch } from '../../kit/guarded-fetch.ts';
import type { Logger } from '../../kit/log.ts';
import { pauseSecondsAfter } from '../refresh-times.ts';
import { needsReconnect, upstreamUnreachable } from '../refusals.ts';
import { loadOAuthClient, toConfiguration } from '../services/oauth-client.ts';
import type { Service } from '../services/service-config.ts';
import { readTokenAnswer } from '../services/token-answer.ts';
import type { UpstreamTokens, VaultCredential } from '../vault/credential-store.ts';
import { describeFailure, type RefreshFailure } from './failures.ts';
import { beginAttempt, endAttempt, endLease, wasInterrupted } from './lease-store.ts';

export interface AttemptDeps {
  knex: Knex;
  vault: {
    replaceTokens(credential: VaultCredential, tokens: UpstreamTokens): Promise<boolean>;
    markBroken(connectionId: string, code: string): Promise<boolean>;
  };
  fetch: GuardedFetch;
  allowPrivate: boolean;
  log: Logger;
  /** Tells the owner that a connection needs them. Called once for each time that it breaks. */
  notifyBroken(credential: { accountId: string; service: string }, code: string): void;
}

/** How long tokens that the service has answered with are kept in memory while the database cannot store them. */
const MAX_STORE_MS = 5 * 60_000;
const STORE_PAUSE_MS = 500;

/** Whether the access token ends within that time. */
export const endsWithin = ({ expiresAt }: VaultCredential, ms: number): boolean =>
  expiresAt !== undefined && expiresAt.getTime() - Date.now() < ms;

/** What became of an attempt. `superseded`: the credential has changed, or another server has taken the lease over. */
export type AttemptOutcome = 'stored' | 'postponed' | 'superseded';

/** @returns the function that asks the service for new tokens, once, with the lease of the caller, and stores them */
export function createAttempt({ knex, vault, log, notifyBroken, ...deps }: AttemptDeps) {
  async function ask(service: Service, refreshToken: string): Promise<UpstreamTokens> {
    const client = await loadOAuthClient();
    const configuration = await toConfiguration(service, deps);
    return readTokenAnswer(await client.refreshTokenGrant(configuration, refreshToken));
  }

  /**
   * The service may have ended the old refresh token, so an unavailable database is asked again for minutes before these are
   * given up. The lease may end before that. It is not needed: tokens are stored only for the version that was refreshed.
   */
  async function store(credential: VaultCredential, tokens: UpstreamTokens): Promise<boolean> {
    const until = performance.now() + MAX_STORE_MS;
    for (;;) {
      try {
        return await vault.replaceTokens(credential, tokens);
      } catch (error) {
        if (performance.now() > until) {
          log.error({ event: 'connection_tokens_lost', connection: credential.connectionId, err: error });
          throw error;
        }
        await sleep(STORE_PAUSE_MS);
      }
    }
  }

  async function nameFailure(credential: VaultCredential, attempt: string, error: unknown) {
    const failure = describeFailure(error);
    const isInterrupted =
      failure.code === 'revoked' &&
      (await wasInterrupted(knex, {
        attempt,
        tokenId: credential.id,
        refreshToken: credential.refreshToken,
      }));
    return isInterrupted ? { ...failure, code: 'refresh_interrupted' } : failure;
  }

  /** @returns whether the lease was still the caller's: otherwise the failure says nothing about the credential of now */
  async function fail(credential: VaultCredential, owner: string, failure: RefreshFailure): Promise<boolean> {
    const { connectionId, service } = credential;
    const failures = credential.failedRefreshes + 1;
    const pause = failure.isPermanent ? undefined : pauseSecondsAfter(failures, failure.retryAfter) * 1000;
    const retryAt = pause === undefined ? undefined : new Date(Date.now() + pause);
    const isHeld = await endLease(knex, credential, { owner, failures, retryAt });
    log.warn({ event: 'connection_refresh_failed', service, code: failure.code, failures, isHeld });
    if (isHeld && failure.isPermanent && (await vault.markBroken(connectionId, failure.code)))
      notifyBroken(credential, failure.code);
    return isHeld;
  }

  /** @throws LatchkeyError needs_reconnect, upstream_unreachable; or the database's error when the tokens could not be stored */
  return async (
    credential: VaultCredential & { refreshToken: string },
    service: Service,
    owner: string,
  ): Promise<AttemptOutcome> => {
    const attempt = await beginAttempt(knex, credential.id, credential.refreshToken);
    const began = performance.now();
    let tokens: UpstreamTokens;
    try {
      tokens = await ask(service, credential.refreshToken);
    } catch (error) {
      const ms = performance.now() - began;
      const failure = await nameFailure(credential, attempt, error);
      await endAttempt(knex, attempt, { error: failure, ms });
      if (!(await fail(credential, owner, failure))) return 'superseded';
      if (failure.isPermanent) throw needsReconnect(credential.service, failure.code);
      if (endsWithin(credential, 0)) throw upstreamUnreachable(error);
      // What is still valid can be used until the service answers again.
      return 'postponed';
    }
    const ms = performance.now() - began;
    const isStored = await store(credential, tokens);
    const error = isStored ? undefined : { code: 'superseded', message: 'the credential has changed' };
    await endAttempt(knex, attempt, { newToken: tokens.refreshToken, ms, ...(error && { error }) });
    return isStored ? 'stored' : 'superseded';
  };
}
