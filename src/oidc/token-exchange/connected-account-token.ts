import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { tokenScopeOf } from '../../access/connection-scopes.ts';
import { covers, parseScopes } from '../../access/scopes.ts';
import { recordEvent } from '../../audit/index.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import type { FindAccount } from '../claims.ts';
import type { EngineClient } from '../clients/client-document.ts';
import { connectionScopesLeft } from '../connection-call-token.ts';
import { showsKeyOf } from '../engine/grants.ts';
import { requireGrant } from '../storage/statements.ts';
import { getSubjectToken, type SubjectToken } from './presented-tokens.ts';
import { TokenRefused } from './refusals.ts';

/** Followed by the name of a service: the `requested_token_type` of the access token of that service. */
export const CONNECTION_TOKEN = 'urn:latchkey:token-type:connection:';

/** The access token of an account at another service. Never logged or stored. */
interface HandedOutToken {
  connectionId: string;
  accessToken: string;
  tokenType: string;
  /** The scopes that the service granted, if it has said so. */
  scope: string | undefined;
  /** How many seconds the token still works; undefined if the service does not say. */
  expiresIn: number | undefined;
}

/** @throws LatchkeyError whose `code` and `members` say why no token is given, as the proxy of connections does */
export type HandOut = (request: {
  accountId: string;
  clientId: string;
  service: string;
  connectionId: string | undefined;
  /** The scopes of the service that the token must have. */
  scopes: string[];
}) => Promise<HandedOutToken>;

/** The error code for a refusal, and the status where 400 would be misleading. */
function toError(refusal: LatchkeyError): TokenRefused {
  const { kind, code, status } = refusal;
  const { message, retryAfter } = refusal;
  const described = { message, retryAfter, members: { code, ...refusal.members } };
  if (code === 'missing_scopes') return new TokenRefused(400, 'invalid_scope', described);
  if (kind === 'invalid_input') return new TokenRefused(400, 'invalid_request', described);
  if (kind === 'forbidden') return new TokenRefused(400, 'invalid_target', described);
  return new TokenRefused(status === 429 ? 429 : 503, 'temporarily_unavailable', described);
}

/** What has no meaning here is refused, so that nobody believes that the token was limited by it. */
const MEANINGLESS = ['resource', 'audience', 'actor_token', 'actor_token_type', 'authorization_details'];

const textOf = (ctx: KoaContextWithOIDC, name: string): string | undefined => {
  const value = ctx.oidc.params?.[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/** @throws InvalidRequest for a token that a thief could have, or that is for another API */
async function checkSubject(ctx: KoaContextWithOIDC, subject: SubjectToken): Promise<void> {
  if (subject.clientId !== ctx.oidc.client?.clientId || subject.aud !== undefined || subject.extra?.act)
    throw new errors.InvalidRequest(
      'the subject_token must be an access token of this application itself, for no other API',
    );
  if (!(await showsKeyOf(ctx, subject)))
    throw new errors.InvalidRequest(
      'the subject_token is bound to a key: send a DPoP proof, or use the client certificate, of that key',
    );
}

/**
 * Gives an application the access token of an account that its user has connected at another service (RFC 8693). An operator
 * has to allow it for the application and the service, and the user has to allow it by a scope of its own: unlike the calls
 * through the proxy, a token does at the service whatever its user allowed there, and nobody here sees it.
 * @throws UnauthorizedClient, InvalidRequest, InvalidScope, InvalidTarget, and `temporarily_unavailable` with a Retry-After
 */
export async function handOutToken(
  ctx: KoaContextWithOIDC,
  deps: { findAccount: FindAccount; handOut: HandOut },
): Promise<void> {
  const { params, provider } = ctx.oidc;
  const client = ctx.oidc.client as unknown as EngineClient;
  const { clientId } = client;
  const type = String(params?.requested_token_type);
  const service = type.slice(CONNECTION_TOKEN.length);
  if (!client.hand_out_services.includes(service))
    throw new errors.UnauthorizedClient(
      'this application may not be given that requested_token_type; an operator allows it with client update --hand-out',
    );
  const meaningless = MEANINGLESS.find((name) => params?.[name] !== undefined);
  if (meaningless !== undefined)
    throw new errors.InvalidRequest(`leave out ${meaningless}: the token is as its service has issued it`);

  const subject = await getSubjectToken(ctx);
  await checkSubject(ctx, subject);
  const { accountId, grantId } = subject;
  const account = await deps.findAccount(accountId);
  if (!account) throw new errors.InvalidRequest('the account of the subject_token is disabled');
  ctx.oidc.entity('Account', account as never);
  const grant = await provider.Grant.find(grantId);
  if (!grant || grant.clientId !== clientId || grant.accountId !== accountId)
    throw new errors.InvalidRequest('the subject_token is unknown, expired or revoked');

  const scope = tokenScopeOf(service);
  const { scopes, withdrawn } = connectionScopesLeft(parseScopes(subject.scope), { client, account, grant });
  if (covers(withdrawn, scope))
    throw new TokenRefused(400, 'invalid_target', {
      message: 'the person has taken back access to the requested_token_type; ask them for it again',
      members: { code: 'not_connected', service },
    });
  if (!covers(scopes, scope))
    throw new TokenRefused(400, 'invalid_scope', {
      message: `the subject_token lacks the scope ${scope}; request it when the person signs in`,
      members: { code: 'missing_scopes', scopes: [scope], missing_from: 'application' },
    });

  const token = await deps
    .handOut({
      accountId,
      clientId,
      service,
      connectionId: textOf(ctx, 'connection_id'),
      scopes: parseScopes(textOf(ctx, 'scope')),
    })
    .catch((error: unknown) => {
      throw error instanceof LatchkeyError ? toError(error) : error;
    });
  // The service may have taken seconds to answer. Access that was taken back since then gives no token.
  requireGrant(currentUnit(), grantId, grant.getOIDCScope());
  recordEvent({
    action: 'token.handed_out',
    accountId,
    clientId,
    sessionUid: subject.sessionUid ?? null,
    target: token.connectionId,
    details: { service, scope: token.scope },
  });
  ctx.body = {
    access_token: token.accessToken,
    issued_token_type: type,
    token_type: token.tokenType,
    expires_in: token.expiresIn,
    scope: token.scope,
  };
}
