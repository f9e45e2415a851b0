import { createRequire } from 'node:module';
import type { Redis } from 'ioredis';
import type { Knex } from 'knex';
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRes,
} from 'rate-limiter-flexible';
import { DEADLINE_MS } from '../../database/time-limits.ts';
import { readConnectionUrl } from '../../kit/connection-url-tls.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { digest } from '../../kit/ids.ts';
import type { Logger } from '../../kit/log.ts';
import { networkOf } from '../ip-address.ts';
import { createAttemptLimit, UNDER_WAY_SECONDS } from './attempt-limit.ts';
import { LIMITS, type LimitSize, MAILBOX, REQUEST_MAILBOX } from './limits.ts';
import { DatabaseLimiter } from './store.ts';

/** The limit of one address. All requests whose address is unknown (`undefined`) share one. */
export interface AddressLimit {
  /** Counts an attempt, before it is made. @throws LatchkeyError rate_limited */
  countAttempt(ip: string | undefined): Promise<void>;
  /** Counts nothing. @throws LatchkeyError rate_limited when the next attempt would be refused */
  checkLimit(ip: string | undefined): Promise<void>;
}

/** The limit of failed attempts from one address. */
export interface FailureLimit {
  /**
   * Runs an attempt, which has failed if it returns undefined. One that throws is not counted, nor is one that a crash
   * ends. @throws LatchkeyError rate_limited
   */
  tryAttempt<T>(ip: string | undefined, attempt: () => Promise<T | undefined>): Promise<T | undefined>;
}

export interface Limits extends Record<Exclude<keyof typeof LIMITS, 'signIn'>, AddressLimit> {
  signIn: FailureLimit;
  /** Counts a message to that mailbox. @throws LatchkeyError rate_limited */
  countMessage(email: string): Promise<void>;
  /** Counts a message to that mailbox that an application caused. @throws LatchkeyError rate_limited */
  countRequestMessage(email: string): Promise<void>;
  /**
   * Counts a call with a connection. @param size as its service allows
   * @returns after how many seconds it may be made; undefined: now
   */
  countCall(connectionId: string, size: { requests: number; seconds: number }): Promise<number | undefined>;
  close(): void;
}

/** @throws LatchkeyError rate_limited, or the given error if it is not a refusal of the limiter */
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

/** The digest that stands for an address, in Redis and in the table. */
const keyOf = (ip: string | undefined) => digest(networkOf(ip));

function limit(limiter: RateLimiterAbstract): AddressLimit {
  return {
    async countAttempt(ip) {
      await limiter.consume(keyOf(ip)).catch(refused);
    },
    async checkLimit(ip) {
      const found = await limiter.get(keyOf(ip));
      if (found && found.consumedPoints >= limiter.points) refused(found);
    },
  };
}

const require = createRequire(import.meta.url);

function connect(url: string, log: Logger): Redis {
  // Loaded here, because most servers use no Redis.
  const ioredis = require('ioredis') as typeof import('ioredis');
  const { url: plain, tls } = readConnectionUrl(url);
  const redis = new ioredis.Redis(plain, {
    // Only a rediss:// URL uses TLS, and then checks the certificate unless the options say otherwise.
    ...(tls && { tls }),
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: DEADLINE_MS,
    commandTimeout: DEADLINE_MS,
    // Gives up a connection without an answer. Until another one is ready, no attempt waits for Redis.
    socketTimeout: DEADLINE_MS,
  });
  // Without a listener, ioredis prints every error. One line for each outage is enough.
  let unavailable = false;
  redis.on('error', (error) => {
    if (!unavailable)
      log.warn({ err: error }, 'Redis is unavailable: each server limits addresses by itself');
    unavailable = true;
  });
  redis.on('ready', () => {
    unavailable = false;
  });
  return redis;
}

/**
 * Limits by address, counted for all servers together: in Redis if it is set, otherwise in the database. While that is
 * unavailable, each server counts by itself, so an outage neither blocks every sign-in nor lifts the limits.
 */
export function createLimits(deps: { knex: Knex; redisUrl: string | undefined; log: Logger }): Limits {
  const redis = deps.redisUrl === undefined ? undefined : connect(deps.redisUrl, deps.log);
  const failed = (err: unknown) =>
    deps.log.warn({ err }, 'The database did not count an attempt: this server limits addresses by itself');
  function limiterOf(name: string, { attempts: points, seconds: duration }: LimitSize): RateLimiterAbstract {
    const options = {
      points,
      duration,
      keyPrefix: `latchkey:${name}`,
      insuranceLimiter: new RateLimiterMemory({ points, duration, keyPrefix: name }),
    };
    return redis
      ? new RateLimiterRedis({ ...options, storeClient: redis, rejectIfRedisNotReady: true })
      : new DatabaseLimiter({ ...options, storeClient: deps.knex, failed });
  }
  const mailbox = limiterOf('mailbox', MAILBOX);
  const requestMailbox = limiterOf('requestMailbox', REQUEST_MAILBOX);
  const signIns = limiterOf('signIn', LIMITS.signIn);
  const signInsUnderWay = limiterOf('signInUnderWay', {
    attempts: LIMITS.signIn.attempts,
    seconds: UNDER_WAY_SECONDS,
  });
  const trySignIn = createAttemptLimit(signIns, signInsUnderWay, refused);
  const callLimiters = new Map<string, RateLimiterAbstract>();
  function callLimiter({ requests, seconds }: { requests: number; seconds: number }): RateLimiterAbstract {
    const name = `call:${requests}/${seconds}`;
    const limiter = callLimiters.get(name) ?? limiterOf(name, { attempts: requests, seconds });
    callLimiters.set(name, limiter);
    return limiter;
  }
  return {
    signIn: { tryAttempt: (ip, attempt) => trySignIn(keyOf(ip), attempt) },
    invitation: limit(limiterOf('invitation', LIMITS.invitation)),
    ceremony: limit(limiterOf('ceremony', LIMITS.ceremony)),
    connect: limit(limiterOf('connect', LIMITS.connect)),
    push: limit(limiterOf('push', LIMITS.push)),
    deviceRequest: limit(limiterOf('deviceRequest', LIMITS.deviceRequest)),
    registration: limit(limiterOf('registration', LIMITS.registration)),
    metadataDocument: limit(limiterOf('metadataDocument', LIMITS.metadataDocument)),
    requestObject: limit(limiterOf('requestObject', LIMITS.requestObject)),
    checkedRequestObject: limit(limiterOf('checkedRequestObject', LIMITS.checkedRequestObject)),
    userCode: limit(limiterOf('userCode', LIMITS.userCode)),
    mail: limit(limiterOf('mail', LIMITS.mail)),
    async countMessage(email) {
      await mailbox.consume(digest(email)).catch(refused);
    },
    async countRequestMessage(email) {
      await requestMailbox.consume(digest(email)).catch(refused);
    },
    async countCall(connectionId, size) {
      const taken: unknown = await callLimiter(size)
        .consume(connectionId)
        .catch((reason: unknown) => reason);
      if (!(taken instanceof RateLimiterRes)) throw taken;
      return taken.consumedPoints > size.requests
        ? Math.max(1, Math.ceil(taken.msBeforeNext / 1000))
        : undefined;
    },
    close: () => redis?.disconnect(),
  };
}
