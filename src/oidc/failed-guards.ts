import type { Context } from 'koa';
import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { recordEvent } from '../audit/index.ts';
import { type UnitOfWork, withUnit } from '../database/unit-of-work.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { seeOther, toAddress } from '../web/respond.ts';
import { findRoute } from '../web/routes.ts';
import { defaultResponseMode } from './clients/response-types.ts';
import { findResponseMode } from './engine/messages.ts';
import { refuseToken } from './registration/who-may-register.ts';
import { recordReplay } from './replays.ts';
import type { Payload } from './storage/models.ts';
import { findBegunInteraction, findConsumedRow } from './storage/request-links.ts';
import { revokeGrant } from './storage/statements.ts';
import { revokeFamily } from './storage/token-families.ts';
import type { FindWayBack, WayBack } from './way-back.ts';

/** Removes from the response what the request was about to hand out: a session id, a code, tokens. */
export function withdrawResponse(ctx: Context): void {
  ctx.remove('Set-Cookie');
  ctx.remove('Location');
  ctx.remove('Content-Type');
}

/**
 * Guard `consume`: another request used the same code or token first, or used a refresh token too often. That is a
 * replay, so the tokens that the other request got are revoked too (RFC 9700 sections 2.1.1 and 4.14.2).
 */
async function refuseReplay(ctx: Context, failed: UnitOfWork): Promise<void> {
  const consumed = findConsumedRow(failed);
  if (!consumed) throw new Error('The guard consume failed, and no row was consumed.');
  const { key, family } = consumed;
  const { grantId, clientId = '', accountId }: Payload = JSON.parse(consumed.json);
  const unit = failed.createSibling();
  await withUnit(unit, async () => {
    const reason = consumed.model === 'RefreshToken' ? 'refresh_token_reuse' : 'code_replay';
    if (family && grantId && accountId) {
      revokeFamily(unit, { id: family, accountId, clientId, grantId, tokenHash: key }, reason);
    } else if (grantId && accountId) {
      // A token of an earlier version, which did not name its family.
      revokeGrant(unit, grantId, accountId);
      recordEvent({ action: 'grant.revoked', accountId, clientId, target: grantId });
    }
    recordReplay(unit, { tokenHash: key, reason, clientId, accountId, familyId: family });
    await unit.commit();
  });
  withdrawResponse(ctx);
  ctx.status = 400;
  ctx.body = { error: 'invalid_grant', error_description: 'grant request is invalid' };
}

/** Sends the application an error instead of the code. */
async function refuseCode(
  ctx: Context & KoaContextWithOIDC,
  failed: UnitOfWork,
  refusal: errors.OIDCProviderError,
): Promise<void> {
  const { params, provider } = ctx.oidc;
  const unit = failed.createSibling();
  await withUnit(unit, async () => {
    provider.emit('authorization.error', ctx, refusal);
    await unit.commit();
  });
  withdrawResponse(ctx);
  const error: Record<string, string> = {
    error: refusal.error,
    error_description: String(refusal.error_description),
    iss: provider.issuer,
  };
  if (params?.state !== undefined) error.state = String(params.state);
  const respond = findResponseMode(
    (params?.response_mode as string | undefined) ?? defaultResponseMode(params?.response_type),
  );
  await respond?.call(provider, ctx, String(params?.redirect_uri), error);
}

/**
 * The guard `interaction` fails when another request of this browser has already begun the interaction, as after a
 * double click. The browser is sent where that request went. If the interaction has ended by then, the engine's page
 * says so.
 */
function followFirst(ctx: Context, failed: UnitOfWork): void {
  const location = String(findBegunInteraction(failed));
  withdrawResponse(ctx);
  if (findRoute(ctx.path)?.audience === 'script') {
    ctx.status = 200;
    ctx.body = { location: toAddress(ctx, location) };
  } else seeOther(ctx, location);
}

/**
 * Guard `consent`: the remembered consent that this request relied on was withdrawn. Nothing of the request was committed,
 * so the browser repeats it, and the user is asked.
 */
function askAgain(ctx: Context): void {
  withdrawResponse(ctx);
  seeOther(ctx, ctx.url);
}

/** Where the user signs in again: nothing of the failed request was committed, so the interaction still waits. */
function sameInteraction({ path }: Context): WayBack | undefined {
  const [url] = /^\/interaction\/[\w-]+/.exec(path) ?? [];
  return url ? { url, label: 'Sign in' } : undefined;
}

/**
 * Answers a request whose commit was refused because another request was faster. What has to be recorded is committed
 * in a separate unit of work, so that it is not rolled back with the failed one.
 * @param findWayBack to the application that asked for the sign-in
 * @throws LatchkeyError conflict, Error for a guard that is not known here
 */
export async function answerFailedGuard(
  ctx: Context,
  failed: UnitOfWork,
  guard: string,
  findWayBack: FindWayBack,
): Promise<void> {
  const engineContext = ctx as Context & KoaContextWithOIDC;
  if (guard === 'consume' && findConsumedRow(failed)?.model === 'PushedAuthorizationRequest')
    return refuseCode(engineContext, failed, new errors.InvalidRequestUri('the request_uri was used before'));
  if (guard === 'consume') return refuseReplay(ctx, failed);
  if (guard === 'registration_token') {
    withdrawResponse(ctx);
    return refuseToken(ctx);
  }
  // Another request used the same client assertion or DPoP proof first.
  if (guard === 'replay') {
    withdrawResponse(ctx);
    ctx.status = 400;
    ctx.body = {
      error: 'invalid_request',
      error_description: 'the client assertion or proof was used before',
    };
    return;
  }
  // The account has changed what it allows the application, so the same request may be answered otherwise.
  if (guard === 'grant') {
    withdrawResponse(ctx);
    ctx.status = 503;
    ctx.set('Retry-After', '1');
    ctx.body = {
      error: 'temporarily_unavailable',
      error_description:
        'the access of this application was changed at the same time; send the request again',
    };
    return;
  }
  // The account has used this nonce before.
  if (guard === 'nonce')
    return refuseCode(engineContext, failed, new errors.InvalidRequest('the nonce was used before'));
  // Nobody sees a page in the hidden frame of an application that asks whether the session goes on.
  if (guard === 'session' && engineContext.oidc.prompts.has('none'))
    return refuseCode(
      engineContext,
      failed,
      new errors.LoginRequired('the session was ended at the same time'),
    );
  if (guard === 'interaction') return followFirst(ctx, failed);
  if (guard === 'consent') return askAgain(ctx);
  if (guard === 'password')
    throw new LatchkeyError(
      'conflict',
      'password_changed_concurrently',
      'The password was changed at the same time. Go back and sign in with the new password.',
      { back: sameInteraction(ctx) },
    );
  if (guard === 'credential')
    throw new LatchkeyError(
      'conflict',
      'credential_removed_concurrently',
      'This key was removed at the same time. Go back and sign in in another way.',
      { back: sameInteraction(ctx) },
    );
  if (guard === 'link')
    throw new LatchkeyError(
      'conflict',
      'link_ended_concurrently',
      'Signing in with this account was ended at the same time. Go back and sign in in another way.',
      { back: sameInteraction(ctx) },
    );
  if (guard === 'answer')
    throw new LatchkeyError(
      'conflict',
      'device_code_answered_concurrently',
      'This code was answered at the same time, perhaps in another window. Look at your device: it is connected, or it shows a new code.',
    );
  if (guard === 'request' || guard === 'session')
    throw new LatchkeyError(
      'conflict',
      'sign_in_ended_concurrently',
      'This sign-in was ended at the same time, or continued in another window. Go back to the application and start again.',
      { back: await findWayBack(ctx) },
    );
  throw new Error(`The guard ${guard} failed.`);
}
