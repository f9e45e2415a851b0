import type { Context, Middleware } from 'koa';
import { toDate } from '../../database/instants.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { digest } from '../../kit/ids.ts';
import { findRoute } from '../../web/routes.ts';
import { setAdmission } from './described.ts';
import { SELECT_TOKEN, USE_TOKEN } from './token-store.ts';
import { MAX_UNUSED } from './unused-registrations.ts';

/** The people who may register an application: nobody, anyone with a token of the operator, or anyone. */
type RegistrationMode = 'closed' | 'token' | 'open';

export const REGISTRATION_PATH = '/register';

/** How long the number of unused applications is remembered. */
const FRESH_MS = 5000;

export interface AdmissionDeps {
  mode: RegistrationMode;
  /** Counts an application that registers itself without a token, and a change of a registration. @throws LatchkeyError rate_limited */
  countRegistration(ip: string | undefined): Promise<void>;
  /** How many applications registered themselves without a token, and were never used. */
  countUnused(): Promise<number>;
}

/** RFC 6750 section 3. The sentence says nothing about a token that was presented. */
export function refuseToken(ctx: Context): void {
  ctx.status = 401;
  ctx.set('WWW-Authenticate', 'Bearer realm="registration", error="invalid_token"');
  ctx.set('Cache-Control', 'no-store');
  ctx.body = {
    error: 'invalid_token',
    error_description: 'registering an application needs a valid initial access token',
  };
}

const isOver = (instant: unknown) =>
  instant !== null && instant !== undefined && toDate(instant).getTime() <= Date.now();

/** @returns the id of the token; undefined for one that is unknown, revoked, expired or used up */
async function findToken(token: string): Promise<string | undefined> {
  const row = await currentUnit().readOne(SELECT_TOKEN, { token_hash: digest(token) });
  if (!row || row.revoked_at || isOver(row.expires_at)) return undefined;
  const isUsedUp = row.max_uses !== null && Number(row.uses) >= Number(row.max_uses);
  return isUsedUp ? undefined : String(row.id);
}

/** The database decides who uses a token up, when the request is committed: the guard fails for those that came too late. */
function useToken(id: string): void {
  const now = new Date();
  currentUnit().write({
    statement: USE_TOKEN,
    values: { id, now, last_used_at: now },
    guard: 'registration_token',
  });
}

function createUnusedLimit(countUnused: () => Promise<number>) {
  let known: { readAt: number; count: Promise<number> } | undefined;
  return async (): Promise<void> => {
    if (!known || Date.now() - known.readAt > FRESH_MS) known = { readAt: Date.now(), count: countUnused() };
    const count = await known.count.catch((error: unknown) => {
      known = undefined;
      throw error;
    });
    if (count >= MAX_UNUSED)
      throw new LatchkeyError(
        'rate_limited',
        'too_many_registrations',
        'Too many applications have registered here and were never used. Try again later, or register with a token.',
        { retryAfter: 3600 },
      );
  };
}

/**
 * Decides whether a request may register an application (RFC 7591 section 3). With a token that the operator has made, an
 * application may register itself in the modes `token` and `open`; without one in the mode `open`, within limits.
 * @throws LatchkeyError rate_limited
 */
export function admitRegistrations(deps: AdmissionDeps): Middleware {
  const checkUnused = createUnusedLimit(deps.countUnused);
  return async (ctx, next) => {
    const path = findRoute(ctx.path)?.path;
    // Each change is an event in the audit log.
    if (path === `${REGISTRATION_PATH}/:clientId` && ctx.method !== 'GET')
      await deps.countRegistration(currentUnit().origin.ip);
    if (ctx.method !== 'POST' || path !== REGISTRATION_PATH) return next();
    const header = ctx.get('authorization');
    if (header === '' && deps.mode === 'open') {
      await deps.countRegistration(currentUnit().origin.ip);
      await checkUnused();
      setAdmission({ via: 'dynamic' });
      return next();
    }
    const [, token] = /^Bearer ([\w~+/.-]+=*)$/i.exec(header) ?? [];
    const tokenId = token === undefined || deps.mode === 'closed' ? undefined : await findToken(token);
    if (tokenId === undefined) return refuseToken(ctx);
    setAdmission({ via: 'registration_token', tokenId });
    await next();
    // A registration that was refused costs no use.
    if (ctx.status === 201) useToken(tokenId);
  };
}
