import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { TOKEN_EXCHANGE } from '../../access/grant-type-names.ts';
import { limitToCeiling, parseScopes } from '../../access/scopes.ts';
import { recordEvent } from '../../audit/index.ts';
import { toEpoch } from '../../database/instants.ts';
import type { NarrowDetails } from '../authorization-details.ts';
import { type FindAccount, limitToApplication } from '../claims.ts';
import type { EngineClient } from '../clients/client-document.ts';
import { bindToClientKey, type EngineResource, findRequestedResource } from '../engine/grants.ts';
import { invalidScope } from '../engine/internals.ts';
import { ID_JAG, issueIdentityAssertion } from '../id-jag/issue.ts';
import { createTokenAccess } from '../introspection.ts';
import type { FindResource } from '../resources/service.ts';
import type { SecondFactorPolicy } from '../second-factor-policy.ts';
import { CONNECTION_TOKEN, type HandOut, handOutToken } from './connected-account-token.ts';
import { ACCESS_TOKEN, checkActorToken, getSubjectToken, type SubjectToken } from './presented-tokens.ts';
import { completeRefusals } from './refusals.ts';
import { checkSecondFactor } from './second-factor.ts';

/** The parameters of RFC 8693 section 2.1. */
const PARAMETERS = [
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'requested_token_type',
  'resource',
  'audience',
  'scope',
  'authorization_details',
  // Ours: which of several accounts at a service.
  'connection_id',
];

interface ExchangeDeps {
  findAccount: FindAccount;
  findResource: FindResource;
  /** Picks the authorization details of the new token from those of the subject token. */
  narrowDetails: NarrowDetails;
  secondFactorPolicy: SecondFactorPolicy;
  handOut: HandOut;
}

const clientOf = (ctx: KoaContextWithOIDC) => ctx.oidc.client as unknown as EngineClient;

/** The API that the new token is for. @throws InvalidTarget */
async function getTarget(ctx: KoaContextWithOIDC): Promise<EngineResource> {
  const { params } = ctx.oidc;
  const { resource, audience } = params as { resource?: string | string[]; audience?: string };
  const named = [resource ?? [], audience ?? []].flat();
  const [identifier] = named;
  if (identifier === undefined || named.some((one) => one !== identifier))
    throw new errors.InvalidTarget('name one resource that the new token is for');
  if (!clientOf(ctx).exchange_resources.includes(identifier))
    throw new errors.InvalidTarget('this application may not exchange tokens for that resource');
  Object.assign(params as object, { resource: identifier });
  const target = await findRequestedResource(ctx);
  if (!target) throw new errors.InvalidTarget('name one resource that the new token is for');
  return target;
}

/** What the new token may carry: at most what the subject token has. @throws InvalidScope */
function narrowScopes(
  ctx: KoaContextWithOIDC,
  subject: SubjectToken,
  target: EngineResource,
  ceiling: string[],
): string[] {
  const held = parseScopes(subject.scope).filter((scope) => target.scopes.has(scope));
  const available = limitToCeiling(limitToApplication(clientOf(ctx), held), ceiling);
  const requested = parseScopes(ctx.oidc.params?.scope as string | undefined);
  if (requested.some((scope) => !available.includes(scope)))
    throw invalidScope(
      'the scope goes beyond that of the subject token, of the resource or of this application',
    );
  if (available.length === 0)
    throw invalidScope(
      'the subject token has no scope that the resource serves and this application may have',
    );
  return requested.length > 0 ? requested : available;
}

/** Token exchange (RFC 8693), by which an application acts for a user at another API. */
export function registerTokenExchange(provider: Provider, deps: ExchangeDeps): void {
  const accessTo = createTokenAccess(deps);

  async function exchange(ctx: KoaContextWithOIDC): Promise<void> {
    const { params } = ctx.oidc;
    const client = clientOf(ctx);
    const wanted = params?.requested_token_type ?? ACCESS_TOKEN;
    if (wanted === ID_JAG) return issueIdentityAssertion(ctx, deps);
    if (String(wanted).startsWith(CONNECTION_TOKEN)) return handOutToken(ctx, deps);
    if (wanted !== ACCESS_TOKEN)
      throw new errors.InvalidRequest(
        `requested_token_type must be ${ACCESS_TOKEN}, ${ID_JAG} or ${CONNECTION_TOKEN}SERVICE`,
      );
    const subject = await getSubjectToken(ctx);
    if ((await accessTo(client, subject)) !== 'readable')
      throw new errors.InvalidRequest(
        'the subject_token is of another application, and was not issued for an API of this one',
      );
    await checkActorToken(ctx);
    const target = await getTarget(ctx);
    const account = await deps.findAccount(subject.accountId);
    if (!account) throw new errors.InvalidRequest('the account of the subject_token is disabled');
    ctx.oidc.entity('Account', account as never);
    const scopes = narrowScopes(ctx, subject, target, account.scopes);
    await checkSecondFactor(ctx, deps.secondFactorPolicy, { account, subject, target, scopes });

    const { act: before, ...facts } = subject.extra ?? {};
    const { clientId } = client;
    const act = { sub: clientId, ...(before && { act: before }) };
    const token = new provider.AccessToken({
      accountId: subject.accountId,
      client: ctx.oidc.client as never,
      grantId: subject.grantId,
      gty: TOKEN_EXCHANGE,
      sessionUid: subject.expiresWithSession ? subject.sessionUid : undefined,
      extra: { ...facts, act },
    } as never);
    const details = await deps.narrowDetails(ctx, target.identifier(), subject.rar);
    Object.assign(token, {
      resourceServer: target,
      scope: scopes.join(' '),
      rar: details.length > 0 ? details : undefined,
    });
    await bindToClientKey(ctx, token);
    const left = subject.exp - toEpoch(new Date());
    Object.assign(token, { expiresIn: Math.max(1, Math.min(token.expiration, left)) });
    ctx.oidc.entity('AccessToken', token);
    const value = await token.save();

    recordEvent({
      action: 'token.exchanged',
      accountId: subject.accountId,
      clientId,
      sessionUid: subject.sessionUid ?? null,
      target: target.identifier(),
      details: { subject_client_id: subject.clientId, scope: scopes.join(' ') },
    });
    ctx.body = {
      access_token: value,
      issued_token_type: ACCESS_TOKEN,
      token_type: token.tokenType,
      expires_in: token.expiration,
      scope: token.scope,
      authorization_details: details.length > 0 ? details : undefined,
    };
  }

  completeRefusals(provider);
  // The engine's declared context lacks what it passes: `ctx.oidc`.
  provider.registerGrantType(TOKEN_EXCHANGE, exchange as never, PARAMETERS, ['resource', 'audience']);
}
