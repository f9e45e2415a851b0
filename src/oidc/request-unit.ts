import type { Middleware } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { recordEvent } from '../audit/index.ts';
import type { Driver } from '../database/driver/contract.ts';
import { toUnavailable } from '../database/driver/failures.ts';
import { UnitOfWork, withUnit } from '../database/unit-of-work.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { addressOf } from '../web/address.ts';
import { responseModes } from './engine-internals.ts';
import { BROKEN, recordReplay } from './events.ts';
import { CONSUMED, type Consumed } from './storage/adapter.ts';
import { type Model, models, type Payload } from './storage/models.ts';
import { REVOKE_GRANT, statementsOf } from './storage/statements.ts';

type Context = Parameters<Middleware>[0];

/** A session id, a code or a token of a unit that was not written must not leave. */
function takeBack(ctx: Context): void {
  ctx.remove('Set-Cookie');
  ctx.remove('Location');
  ctx.remove('Content-Type');
}

const isUnavailable = (error: unknown) => error instanceof LatchkeyError && error.kind === 'unavailable';

/** @throws LatchkeyError for a person, who gets a page */
function answerUnavailable(ctx: Context, failure: unknown): void {
  takeBack(ctx);
  if (ctx.accepts('json', 'html') === 'html') throw failure;
  ctx.status = 503;
  ctx.set('Retry-After', '2');
  ctx.set('Cache-Control', 'no-store');
  ctx.body = {
    error: 'temporarily_unavailable',
    error_description: 'The server cannot reach its database. Try again in a moment.',
  };
}

const REVOKED_MODELS = [models.AccessToken, models.RefreshToken, models.AuthorizationCode] as Model[];

/**
 * Another request used the value first. That is told in a unit of its own, so that nothing takes it back: what
 * the first one got is revoked too (RFC 9700 sections 2.1.1 and 4.14.2).
 */
async function loseRace(ctx: Context, failed: UnitOfWork): Promise<void> {
  const consumed = failed.memory.get(CONSUMED) as Consumed;
  const { grantId, clientId, accountId }: Payload = JSON.parse(consumed.json);
  const after = failed.createSibling();
  await withUnit(after, async () => {
    if (grantId && accountId) {
      after.write({ statement: REVOKE_GRANT, values: { id: grantId, revoked_at: new Date() } });
      for (const model of REVOKED_MODELS)
        after.write({
          statement: statementsOf(model).removeByGrant,
          values: { account_id: accountId, grant_id: grantId },
        });
      recordEvent({ action: 'grant.revoked', accountId, clientId, target: grantId });
    }
    const kind = consumed.model === 'RefreshToken' ? 'refresh_token' : 'code';
    recordReplay(after, { tokenHash: consumed.key, kind, clientId, accountId });
    await after.commit();
  });
  takeBack(ctx);
  ctx.status = 400;
  ctx.body = { error: 'invalid_grant', error_description: 'grant request is invalid' };
}

/** The nonce was used by this account before: an error to the application, as if the request had been refused. */
async function refuseNonce(ctx: KoaContextWithOIDC & Context, failed: UnitOfWork): Promise<void> {
  const { params, client, account, provider } = ctx.oidc;
  const after = failed.createSibling();
  await withUnit(after, async () => {
    const who = { accountId: account?.accountId, clientId: client?.clientId };
    recordEvent({ action: 'authorization.refused', ...who, success: false, errorCode: 'nonce_reused' });
    await after.commit();
  });
  takeBack(ctx);
  const mode = String(params?.response_mode ?? 'query');
  const out = {
    error: 'invalid_request',
    error_description: 'the nonce was used before',
    ...(params?.state === undefined ? {} : { state: String(params.state) }),
    iss: provider.issuer,
  };
  await (responseModes[mode] ?? responseModes.query)?.(ctx, String(params?.redirect_uri), out);
}

/**
 * One unit for each request, committed before its response leaves: what a client was told holds after a crash,
 * and what it was not told was never there.
 */
export function requestUnit(deps: { driver: Driver }): Middleware {
  return async (ctx, next) => {
    const unit = new UnitOfWork(deps.driver, {
      ip: addressOf(ctx.ip),
      userAgent: ctx.get('user-agent') || undefined,
      requestId: ctx.state.requestId,
    });
    await withUnit(unit, async () => {
      try {
        await next();
        if (unit.memory.has(BROKEN)) {
          unit.discardWrites();
          // A new session's id may be in it, and that session was just given up.
          ctx.remove('Set-Cookie');
          // What is read past the unit (applications are) fails here alone.
          unit.failure ??= unit.memory.get(BROKEN);
        }
        const failed = await unit.commit();
        if (failed === 'consume') await loseRace(ctx, unit);
        else if (failed === 'nonce') await refuseNonce(ctx as unknown as KoaContextWithOIDC & Context, unit);
        else if (failed === 'password')
          throw new LatchkeyError(
            'conflict',
            'password_changed_concurrently',
            'The password was changed meanwhile. Go back and sign in anew.',
          );
        else if (failed) throw new Error(`the guard ${failed} failed`);
      } catch (error) {
        unit.discardWrites();
        unit.failure ??= toUnavailable(error);
        // Whatever the response says by now: it was not committed.
        if (!isUnavailable(unit.failure)) throw error;
      }
      if (isUnavailable(unit.failure)) answerUnavailable(ctx, unit.failure);
    });
  };
}
