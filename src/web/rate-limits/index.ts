import { createRequire } from 'node:module';
import type { Redis } from 'ioredis';
import type { Knex } from 'knex';
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRes,
} from 'rate-limiter-flexible';
import { DEADLINE_MS } from '../../database/driver/contract.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { digest } from '../../kit/ids.ts';
import type { Logger } from '../../kit/log.ts';
import { neighbourhoodOf } from '../address.ts';
import { DatabaseLimiter } from './store.ts';

/** How many in how many seconds one address may do; an address is an IPv4 one, or the /64 of an IPv6 one. */
const LIMITS = {
  /** Failed sign-ins: a whole office mistypes less, and ten thousand accounts are not tried with one password. */
  signIn: { points: 50, duration: 900 },
  /** Invitation codes that are none of ours. */
  invitation: { points: 20, duration: 900 },
  /** Ceremonies of passkeys begun, each of which writes a row: a page of an office begins one each time it is opened. */
  ceremony: { points: 600, duration: 900 },
  /** Messages asked for, to whatever account. */
  reset: { points: 10, duration: 900 },
};

/** Messages to one mailbox, whoever asks for them and whether an account has it. */
const MAILBOX = { points: 5, duration: 3600 };

/** What one address has left; `ip` undefined shares a limit with all others of whom no address is known. */
export interface AddressLimit {
  /** Counts one, before what it allows is done. @throws LatchkeyError rate_limited */
  take(ip: string | undefined): Promise<void>;
  /** What was taken turned out to be no guess. */
  giveBack(ip: string | undefined): Promise<void>;
  /** Counts nothing. @throws LatchkeyError rate_limited where the next one would be refused */
  check(ip: string | undefined): Promise<void>;
}

export interface Limits extends Record<keyof typeof LIMITS, AddressLimit> {
  /** Counts a message to that mailbox. @throws LatchkeyError rate_limited */
  takeMessage(email: string): Promise<void>;
  close(): void;
}

/** @throws LatchkeyError rate_limited; whatever else went wrong */
function refused(reason: unknown): never {
  if (!(reason instanceof RateLimiterRes)) throw reason;
  const seconds = Math.max(1, Math.ceil(reason.msBeforeNext / 1000));
  const minutes = Math.ceil(seconds / 60);
  throw new LatchkeyError(
    'rate_limited',
    'too_many_attempts',
    `Too many attempts came from your network. Try again in ${minutes === 1 ? 'a minute' : `${minutes} minutes`}.`,
    { retryAfter: seconds },
  );
}

/** What rests of an address, in Redis as in the table. */
const keyOf = (ip: string | undefined) => digest(neighbourhoodOf(ip));

function limit(limiter: RateLimiterAbstract): AddressLimit {
  return {
    async take(ip) {
      await limiter.consume(keyOf(ip)).catch(refused);
    },
    async giveBack(ip) {
      await limiter.reward(keyOf(ip));
    },
    async check(ip) {
      const found = await limiter.get(keyOf(ip));
      if (found && found.consumedPoints >= limiter.points) refused(found);
    },
  };
}

const require = createRequire(import.meta.url);

function connect(url: string, log: Logger): Redis {
  // Loaded here, because most servers use no Redis.
  const ioredis = require('ioredis') as typeof import('ioredis');
  const redis = new ioredis.Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: DEADLINE_MS,
    commandTimeout: DEADLINE_MS,
  });
  // Without a listener ioredis prints each; one for each time that it goes away is enough.
  let away = false;
  redis.on('error', (error) => {
    if (!away) log.warn({ err: error }, 'Redis is away: addresses are limited by each server alone');
    away = true;
  });
  redis.on('ready', () => {
    away = false;
  });
  return redis;
}

/**
 * Limits by address, counted for all servers together in Redis where it is set, else in the database. When that is
 * away each server counts by itself: the limits never close the door by their own fault, nor leave it open.
 */
export function createLimits(deps: { knex: Knex; redisUrl: string | undefined; log: Logger }): Limits {
  const redis = deps.redisUrl === undefined ? undefined : connect(deps.redisUrl, deps.log);
  const failed = (err: unknown) => deps.log.warn({ err }, 'addresses are limited by this server alone');
  function limiterOf(name: string, size: { points: number; duration: number }): RateLimiterAbstract {
    const options = {
      ...size,
      keyPrefix: `latchkey:${name}`,
      insuranceLimiter: new RateLimiterMemory({ ...size, keyPrefix: name }),
    };
    return redis
      ? new RateLimiterRedis({ ...options, storeClient: redis, rejectIfRedisNotReady: true })
      : new DatabaseLimiter({ ...options, storeClient: deps.knex, failed });
  }
  const mailbox = limiterOf('mailbox', MAILBOX);
  return {
    signIn: limit(limiterOf('signIn', LIMITS.signIn)),
    invitation: limit(limiterOf('invitation', LIMITS.invitation)),
    ceremony: limit(limiterOf('ceremony', LIMITS.ceremony)),
    reset: limit(limiterOf('reset', LIMITS.reset)),
    async takeMessage(email) {
      await mailbox.consume(digest(email)).catch(refused);
    },
    close: () => redis?.disconnect(),
  };
}
