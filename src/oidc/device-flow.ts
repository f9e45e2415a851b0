import type { Context } from 'koa';
import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { currentUnit } from '../database/unit-of-work.ts';
import { randomToken } from '../kit/ids.ts';
import { onParameters } from './engine/requests.ts';
import { POLL_INTERVAL_SECONDS } from './poll-interval.ts';

/** The code that the user types: eight of 20 consonants, which are 34 bits and make no words. Its lifetime: `fixed-lifetimes.ts`. */
export const USER_CODE = { charset: 'base-20', mask: '****-****' } as const;

/** Where the device's request came from, as the page shows it to the user who decides. */
export interface DeviceInfo {
  ip?: string;
  userAgent?: string;
}

export const readDeviceInfo = (): DeviceInfo => {
  const { ip, userAgent } = currentUnit().origin;
  return { ip, userAgent: userAgent?.slice(0, 512) };
};

const DECISION = 'deviceDecision';

interface Decision {
  userCode: string;
  isAllowed: boolean;
  /** Whether the user wants to sign in to another account first. */
  isSwitching: boolean;
}

const decisionOf = (ctx: { state: Record<string, unknown> }) => ctx.state[DECISION] as Decision | undefined;

/** Whether the user of this device has just asked for another account than the one that is signed in. */
export const wantsOtherAccount = (ctx: KoaContextWithOIDC): boolean =>
  decisionOf(ctx as never)?.isSwitching === true;

/**
 * Gives the engine what the user decided on our page, which has checked the form. Call it before the request goes on to the
 * engine, at the path `/device`.
 */
export function passDecision(ctx: Context, decision: Decision): void {
  ctx.state[DECISION] = decision;
  // Our page has read the body. Without this header, the engine does not try to read it again.
  delete ctx.req.headers['content-type'];
}

/**
 * The engine checks its own form by a token in the session, and a visitor's session is not stored. Our page has checked its
 * form, so a token is made here that passes.
 */
function acceptDecisions(provider: Provider): void {
  onParameters(provider, ({ ctx, route, session, params }) => {
    const decision = decisionOf(ctx as never);
    if (!decision || route !== 'code_verification' || !params || !('confirm' in params) || !session) return;
    const secret = randomToken();
    session.state = { secret };
    params.xsrf = secret;
    params.user_code = decision.userCode;
    params[decision.isAllowed ? 'confirm' : 'abort'] = 'yes';
  });
}

/** Completes the engine's Device Authorization Grant (RFC 8628): a device shows a code, which its user types elsewhere. */
export function completeDeviceFlow(provider: Provider): void {
  acceptDecisions(provider);
  provider.on(
    'device_authorization.success' as never,
    ((_ctx: KoaContextWithOIDC, body: { interval?: number }) => {
      body.interval = POLL_INTERVAL_SECONDS;
    }) as never,
  );
}
