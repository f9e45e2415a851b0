import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { parseScopes } from '../../access/scopes.ts';
import { recordEvent } from '../../audit/index.ts';
import { toEpoch } from '../../database/instants.ts';
import { randomToken } from '../../kit/ids.ts';
import type { FindAccount } from '../claims.ts';
import type { EngineClient } from '../clients/client-document.ts';
import { signJwt } from '../engine/keys.ts';
import { ID_JAG_TYPE } from './assertions.ts';
import { findGrantedScopes } from './sign-ins.ts';

export const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag';
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';
/** How long an assertion can be presented, which applications do at once. */
const ASSERTION_TTL_SECONDS = 300;

/** What an ID token of ours says. */
interface IdTokenClaims {
  sub: string;
  exp: number;
  /** Names the session of the sign-in. Missing in those of devices, which have no session. */
  sid?: string;
  auth_time?: number;
  acr?: string;
  amr?: string[];
}

const readText = (ctx: KoaContextWithOIDC, name: string): string | undefined => {
  const value = ctx.oidc.params?.[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/** The server that the assertion is for, and the application's client_id there: `ISSUER` or `ISSUER CLIENT_ID`. */
function findAudience(client: EngineClient, audience: string | undefined) {
  const entry = client.assertion_audiences
    .map((one) => one.split(' '))
    .find(([issuer]) => issuer === audience);
  return entry && { issuer: String(entry[0]), clientId: entry[1] ?? client.clientId };
}

/** @throws InvalidRequest, as RFC 8693 section 2.2.2 asks for a token that is not accepted for any reason */
async function readSignIn(ctx: KoaContextWithOIDC): Promise<IdTokenClaims> {
  if (readText(ctx, 'subject_token_type') !== ID_TOKEN)
    throw new errors.InvalidRequest(`subject_token_type must be ${ID_TOKEN}`);
  const { provider, client } = ctx.oidc;
  try {
    const { payload } = (await provider.IdToken.validate(
      readText(ctx, 'subject_token') ?? '',
      client as never,
    )) as unknown as { payload: IdTokenClaims };
    if (payload.exp > toEpoch(new Date())) return payload;
  } catch {
    // The answer is the same, whatever is wrong with the token.
  }
  throw new errors.InvalidRequest('the subject_token is no ID token of this application, or has expired');
}

/**
 * Issues an identity assertion for one of our own sign-ins (ID-JAG section 4.3), for a server that an operator has named at the
 * application, as long as the session of the sign-in lives. What the scopes mean there, this server does not know, so that server decides about them.
 * @throws InvalidRequest, InvalidTarget
 */
export async function issueIdentityAssertion(
  ctx: KoaContextWithOIDC,
  deps: { findAccount: FindAccount },
): Promise<void> {
  const client = ctx.oidc.client as unknown as EngineClient;
  const audience = findAudience(client, readText(ctx, 'audience'));
  if (!audience) throw new errors.InvalidTarget('this application may not get assertions for that audience');
  const { sub, sid, auth_time, acr, amr } = await readSignIn(ctx);
  const account = await deps.findAccount(sub);
  if (!account) throw new errors.InvalidRequest('the account of the subject_token is disabled');
  const { clientId } = client;
  const granted =
    sid && (await findGrantedScopes(ctx.oidc.provider, { accountId: account.accountId, clientId, sid }));
  if (!granted) throw new errors.InvalidRequest('the sign-in of the subject_token has ended');
  ctx.oidc.entity('Account', account as never);
  const claimed = await account.claims();
  const email = granted.includes('email') && claimed.email_verified === true ? claimed.email : undefined;
  const scope = parseScopes(readText(ctx, 'scope')).join(' ') || undefined;
  const resource = readText(ctx, 'resource');
  const now = toEpoch(new Date());
  const claims = {
    iss: ctx.oidc.provider.issuer,
    sub,
    aud: audience.issuer,
    client_id: audience.clientId,
    jti: randomToken(),
    iat: now,
    exp: now + ASSERTION_TTL_SECONDS,
    email,
    email_verified: email === undefined ? undefined : true,
    resource,
    scope,
    auth_time,
    acr,
    amr,
  };
  const value = await signJwt(ctx.oidc.provider, claims, {
    alg: String(ctx.oidc.client?.idTokenSignedResponseAlg),
    typ: ID_JAG_TYPE,
  });
  recordEvent({
    action: 'identity_assertion.issued',
    accountId: account.accountId,
    clientId,
    target: audience.issuer,
    details: { scope, resource },
  });
  ctx.body = {
    access_token: value,
    issued_token_type: ID_JAG,
    token_type: 'N_A',
    expires_in: ASSERTION_TTL_SECONDS,
    scope,
  };
}
