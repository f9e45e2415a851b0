import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import type { AuthorizationDetail } from '../../access/authorization-detail-descriptions.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import type { BoundToken } from '../engine/grants.ts';
import { findSourceFamily, setSourceFamily } from '../storage/exchanged-tokens.ts';

export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/** The client that acts (RFC 8693 section 4.1), and the one for which it does. */
interface ActingClient {
  sub: string;
  act?: ActingClient;
}

/** A token of a user that a client presents. */
export interface SubjectToken extends BoundToken {
  accountId: string;
  clientId: string;
  aud?: string | string[];
  scope?: string;
  exp: number;
  kind: string;
  expiresWithSession?: boolean;
  sessionUid?: string;
  extra?: { act?: ActingClient; auth_time?: number; acr?: string; amr?: string[] };
  /** What its user has allowed in detail. */
  rar?: AuthorizationDetail[];
  /** The grant under which it was issued. */
  grantId: string;
}

/** How many applications may act one for the other. */
const MAX_ACTORS = 4;

const countActors = (actor: ActingClient | undefined): number => (actor ? 1 + countActors(actor.act) : 0);

function readParameter(ctx: KoaContextWithOIDC, name: string): string {
  const value = ctx.oidc.params?.[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new errors.InvalidRequest(`missing required parameter '${name}'`);
}

function checkType(ctx: KoaContextWithOIDC, name: string): void {
  if (readParameter(ctx, name) !== ACCESS_TOKEN)
    throw new errors.InvalidRequest(`${name} must be ${ACCESS_TOKEN}`);
}

/** @throws InvalidRequest, as RFC 8693 section 2.2.2 asks for a token that is not accepted for any reason */
export async function getSubjectToken(ctx: KoaContextWithOIDC): Promise<SubjectToken> {
  checkType(ctx, 'subject_token_type');
  const { AccessToken } = ctx.oidc.provider;
  const token = await AccessToken.find(readParameter(ctx, 'subject_token'));
  setSourceFamily(currentUnit());
  const grantId = findSourceFamily(currentUnit())?.grantId ?? token?.grantId;
  if (!token?.isValid || !grantId)
    throw new errors.InvalidRequest(
      'the subject_token is unknown, expired or revoked, or a JWT, which cannot be checked; its API must get opaque tokens',
    );
  const subject: SubjectToken = Object.assign({}, token as unknown as SubjectToken, { grantId });
  if (countActors(subject.extra?.act) >= MAX_ACTORS)
    throw new errors.InvalidRequest('the subject_token has been exchanged too often');
  return subject;
}

/**
 * The client shows that it acts itself, with its own token. Without one, it would ask for a token that names the user alone
 * (RFC 8693 section 1.1: impersonation).
 * @throws InvalidRequest
 */
export async function checkActorToken(ctx: KoaContextWithOIDC): Promise<void> {
  if (ctx.oidc.params?.actor_token === undefined)
    throw new errors.InvalidRequest(
      'impersonation is not allowed: add an actor_token, which is a client_credentials token of this application',
    );
  checkType(ctx, 'actor_token_type');
  const { ClientCredentials } = ctx.oidc.provider;
  const token = await ClientCredentials.find(readParameter(ctx, 'actor_token'));
  if (!token?.isValid || token.clientId !== ctx.oidc.client?.clientId)
    throw new errors.InvalidRequest(
      'the actor_token is unknown, expired, or no client_credentials token of this application',
    );
}
