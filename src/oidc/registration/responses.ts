import type { Context, Middleware } from 'koa';
import { findRoute } from '../../web/routes.ts';
import { OWN_METADATA } from '../clients/client-document.ts';
import { isSecretShown } from './registered-clients.ts';
import { REGISTRATION_PATH } from './who-may-register.ts';

type Metadata = Record<string, unknown>;

/**
 * The engine answers with all that it knows of a client: members of ours, and the digest of its secret in the place of the
 * secret. An application gets the members of RFC 7591 section 3.2.1, and its secret only when that is new.
 */
function toRegistrationResponse(body: Metadata): Metadata {
  const members = Object.entries(body).filter(([name]) => !OWN_METADATA.includes(name));
  const { client_secret, client_secret_expires_at, ...shown }: Metadata = Object.fromEntries(members);
  const secret = isSecretShown() ? { client_secret, client_secret_expires_at: 0 } : {};
  const { allowed_scopes: scope, is_native: isNative } = body;
  return { ...shown, ...secret, scope, application_type: isNative ? 'native' : 'web' };
}

const isRegistration = ({ path }: Context) =>
  [REGISTRATION_PATH, `${REGISTRATION_PATH}/:clientId`].includes(findRoute(path)?.path ?? '');

/** Lets scripts of any origin register and manage an application: neither request uses a cookie. */
function allowAnyOrigin(ctx: Context): void {
  ctx.set('Access-Control-Allow-Origin', '*');
  ctx.set('Access-Control-Expose-Headers', 'WWW-Authenticate');
  ctx.vary('Origin');
}

/** Answers requests that register an application, or manage a registration, in the form of RFC 7591 and RFC 7592. */
export const presentRegistrations: Middleware = async (ctx, next) => {
  if (!isRegistration(ctx)) return next();
  allowAnyOrigin(ctx);
  if (ctx.method === 'OPTIONS') {
    ctx.status = 204;
    ctx.set('Access-Control-Allow-Methods', 'GET, POST, PUT, DELETE');
    ctx.set('Access-Control-Allow-Headers', 'Authorization, Content-Type');
    return;
  }
  await next();
  const isDocument = (ctx.status === 200 || ctx.status === 201) && typeof ctx.body === 'object';
  if (isDocument) ctx.body = toRegistrationResponse(ctx.body as Metadata);
};
