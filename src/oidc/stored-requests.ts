import type { Middleware } from 'koa';
import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { isVetted } from '../access/registered-via.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import type { EngineClient } from './clients/client-document.ts';
import { onParameters } from './engine/requests.ts';
import { MAX_REQUEST_LENGTH } from './request-size.ts';
import { forgetUses } from './storage/replay-detection.ts';

/** The engine's routes that store a request before anybody has signed in, and the limit of each. */
const ROUTES = {
  pushed_authorization_request: 'push',
  device_authorization: 'deviceRequest',
  backchannel_authentication: 'push',
} as const;

type Limits = Record<
  (typeof ROUTES)[keyof typeof ROUTES],
  /** Counts a request for that address. @throws LatchkeyError rate_limited */
  { countAttempt(ip: string | undefined): Promise<void> }
>;

/** What authenticates the application is no part of its request, and is not stored. */
const CREDENTIALS = ['client_assertion', 'client_assertion_type', 'client_secret'];

/**
 * Refuses those that are larger than other requests may be (`request-size.ts`), before the engine works with them: JSON in a
 * parameter that is nested some thousand times would end in a stack overflow.
 */
export function refuseLargeRequests(provider: Provider): void {
  onParameters(provider, ({ route, ctx }) => {
    if (!Object.hasOwn(ROUTES, route)) return;
    const params = Object.entries(ctx.oidc.body as Record<string, string>);
    const stored = params.filter(([name]) => !CREDENTIALS.includes(name));
    const { length } = new URLSearchParams(stored).toString();
    if (length > MAX_REQUEST_LENGTH)
      throw new errors.InvalidRequest(
        `The application sent a request of ${length} characters. At most ${MAX_REQUEST_LENGTH} are allowed.`,
      );
  });
}

/**
 * Limits requests that are pushed (RFC 9126), come from a device (RFC 8628) or come without a browser (CIBA), before they are
 * committed. Anyone can send them in the name of a public application, or register one, and each writes a row, so an address
 * may send a limited number.
 * @throws LatchkeyError rate_limited
 */
export function limitStoredRequests(limits: Limits): Middleware {
  return async (ctx, next) => {
    await next();
    const { oidc } = ctx as unknown as KoaContextWithOIDC;
    const limit = ROUTES[oidc?.route as keyof typeof ROUTES] as keyof Limits | undefined;
    if (limit === undefined || ctx.status >= 300) return;
    const client = oidc.client as unknown as EngineClient | undefined;
    if (client && (client.clientAuthMethod === 'none' || !isVetted(client)))
      await limits[limit].countAttempt(currentUnit().origin.ip);
  };
}

/** What these answer with success has an effect, or a row, of which there is a limited number. */
const USEFUL_ROUTES = ['token', 'pushed_authorization_request', 'userinfo'];

/**
 * Stores that a client assertion or DPoP proof was used only together with what the request has led to, if the application has
 * registered itself. Anyone can register one, and fill the database with assertions that are right and of no use.
 */
export const forgetUselessProofs: Middleware = async (ctx, next) => {
  await next();
  const { oidc } = ctx as unknown as KoaContextWithOIDC;
  if (oidc && !(USEFUL_ROUTES.includes(oidc.route) && ctx.status < 300)) forgetUses(currentUnit());
};
