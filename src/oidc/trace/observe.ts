import type { Context, Middleware } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { isVetted } from '../../access/registered-via.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Logger } from '../../kit/log.ts';
import { addressOf, networkOf } from '../../web/ip-address.ts';
import type { EngineClient } from '../clients/client-document.ts';
import { OWN_CLIENT_ID } from '../clients/own-client.ts';
import { CODE_REPLAY } from '../engine/errors.ts';
import {
  findConsumedRow,
  findEndedInteraction,
  findIssuedCode,
  isAnsweredByTokens,
} from '../storage/request-links.ts';
import { findPresentedFamily } from '../storage/token-families.ts';
import { findPushName, idsOf, isDeviceRoute } from './attempt-ids.ts';
import { observeBeginning } from './beginnings.ts';
import { observeFailedSignIn } from './failed-sign-in.ts';
import {
  endOfSecond,
  type Observation,
  type RefusedRequest,
  type StepName,
  shorten,
  stepAt,
  type TraceStep,
  unknownClientId,
  withoutQuery,
} from './steps.ts';

type OidcContext = KoaContextWithOIDC['oidc'];

/** What a request is about, by the name of the engine's route. */
const STEP_OF_ROUTE: Record<string, StepName> = {
  authorization: 'request',
  resume: 'request',
  pushed_authorization_request: 'request',
  device_authorization: 'request',
  code_verification: 'device',
  device_resume: 'device',
  token: 'token',
  userinfo: 'use',
  introspection: 'use',
  registration: 'registration',
};

/** Grants that begin a use of tokens. A refresh or an exchange goes on with tokens that there are. */
const FIRST_GRANTS = new Set([
  'authorization_code',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
  'urn:openid:params:grant-type:ciba',
]);

/** The answer to a code or token that another request used at the same moment, which the engine knows nothing of. */
const REPLAY: RefusedRequest = { error: 'invalid_grant', detail: CODE_REPLAY };

/** What the browser did since the last step: every prompt that the user answered, and the code. */
function authorizationSteps(oidc: OidcContext, unit: UnitOfWork): TraceStep[] {
  const ended = findEndedInteraction(unit);
  // The interaction knows the second in which it began.
  const request = stepAt('request', ended && endOfSecond(ended.iat));
  request.redirectUri = withoutQuery(oidc.params?.redirect_uri);
  const answered = oidc.result ?? {};
  return [
    ...(findPushName(oidc) ? [stepAt('push', Date.parse(request.at))] : []),
    request,
    ...(answered.login ? [stepAt('sign_in')] : []),
    ...(answered.consent ? [stepAt('consent')] : []),
    ...(findIssuedCode(unit) ? [stepAt('code')] : []),
    ...(isAnsweredByTokens(unit) ? [stepAt('token')] : []),
  ];
}

function refusedStep(name: StepName, oidc: OidcContext, refusal: RefusedRequest): TraceStep {
  const isRefresh = name === 'token' && oidc.params?.grant_type === 'refresh_token';
  const isDenied = oidc.route === 'resume' && refusal.error === 'access_denied';
  const step = stepAt(isRefresh ? 'refresh' : isDenied ? 'consent' : name);
  step.error = refusal.error;
  step.description = shorten(refusal.description);
  step.detail = shorten(refusal.detail);
  step.parameter = refusal.parameter;
  if (name === 'request') step.redirectUri = withoutQuery(oidc.params?.redirect_uri);
  return step;
}

/** Why a request was refused, if it was. */
function findRefusal(ctx: Context, unit: UnitOfWork): RefusedRequest | undefined {
  if (ctx.state.refusal) return ctx.state.refusal;
  const body = ctx.body as { active?: boolean } | undefined;
  if (ctx.state.failedGuard === 'consume' && findConsumedRow(unit)) return REPLAY;
  return ctx.path === '/token/introspection' && body?.active === false ? { error: 'inactive' } : undefined;
}

/** Returns what the user of a device did, once they have signed in or answered. Earlier steps are open to anyone. */
function observeDevice(oidc: OidcContext, found: Omit<Observation, 'steps' | 'outcome' | 'begins'>) {
  const code = oidc.deviceCode as
    | { iat: number; clientId: string; accountId?: string; error?: string; errorDescription?: string }
    | undefined;
  const answered = oidc.result ?? {};
  if (!code || !(answered.login || code.accountId || code.error)) return undefined;
  const steps = [stepAt('request', endOfSecond(code.iat))];
  if (answered.login) steps.push(stepAt('sign_in'));
  if (answered.consent) steps.push(stepAt('consent'));
  const { error, errorDescription: description } = code;
  if (code.accountId || error) steps.push({ ...stepAt('device'), error, description });
  const outcome = error ? ('refused' as const) : ('open' as const);
  return { ...found, clientId: code.clientId, steps, outcome, begins: true };
}

function standingOf(clientId: string | undefined, { client }: OidcContext): Observation['standing'] {
  if (clientId === undefined) return 'unknown';
  return client && !isVetted(client as unknown as EngineClient) ? 'unvetted' : undefined;
}

/** @returns what the request did, or undefined when that is no step of an attempt */
function observe(ctx: Context, unit: UnitOfWork): Observation | undefined {
  const { oidc } = ctx as unknown as KoaContextWithOIDC;
  const name = STEP_OF_ROUTE[oidc.route];
  if (name === undefined || ctx.status >= 500) return undefined;
  const family = findPresentedFamily(unit);
  const clientId = (name === 'use' ? family?.clientId : undefined) ?? oidc.client?.clientId;
  if (clientId === OWN_CLIENT_ID) return undefined;
  const found = {
    ...idsOf(name, oidc, unit),
    clientId: clientId ?? unknownClientId(oidc.params?.client_id),
    standing: standingOf(clientId, oidc),
    accountId: family?.accountId ?? oidc.account?.accountId,
  };
  if (isDeviceRoute(oidc.route)) return ctx.state.failedGuard ? undefined : observeDevice(oidc, found);
  const refusal = findRefusal(ctx, unit);
  const isBrowser = oidc.route === 'authorization' || oidc.route === 'resume';
  if (refusal) {
    const before = isBrowser && found.requestId ? authorizationSteps(oidc, unit) : [];
    const steps = [...before, refusedStep(name, oidc, refusal)];
    return { ...found, steps, outcome: 'refused', begins: true };
  }
  if (ctx.state.failedGuard) return undefined;
  if (isBrowser) {
    // A visitor who has done nothing yet leaves no trace: anyone can send these requests.
    if (!found.requestId && !found.codeId) return undefined;
    const outcome = isAnsweredByTokens(unit) ? 'connected' : 'open';
    return { ...found, steps: authorizationSteps(oidc, unit), outcome, begins: true };
  }
  if (name === 'request' || name === 'registration') return observeBeginning(ctx, oidc, found);
  if (ctx.status !== 200) return undefined;
  if (name === 'token' && !FIRST_GRANTS.has(String(oidc.params?.grant_type))) return undefined;
  return { ...found, steps: [stepAt(name)], outcome: 'connected', begins: found.codeId === undefined };
}

/** How many addresses and tokens are remembered. The oldest are forgotten. */
const MAX_REMEMBERED = 2000;
const HINT_LIFETIME_MS = 600_000;
/** A token that is older was used before, or its story is no longer of interest. */
const FIRST_USE_MS = 3_600_000;

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
}

/**
 * Watches the answers of the protocol's endpoints. It looks at what the request has left in memory, after the commit, and
 * records the step: no read, no write, and no error that could reach the request.
 */
export function traceRequests(record: (observation: Observation) => void, log: Logger): Middleware {
  /** When an address read the discovery document. It may be that of an application: only a hint. */
  const discoveries = new Map<string, number>();
  /** The codes whose tokens were used. */
  const used = new Map<string, true>();

  function isFirstUse({ codeId }: Observation, { entities }: OidcContext): boolean {
    const { iat } = entities.AccessToken ?? {};
    if (iat !== undefined && Date.now() - iat * 1000 > FIRST_USE_MS) return false;
    if (codeId === undefined) return true;
    const isFirst = !used.has(codeId);
    remember(used, codeId, true);
    return isFirst;
  }

  function follow(ctx: Context, oidc: OidcContext, unit: UnitOfWork): void {
    const address = addressOf(ctx.ip) ?? '';
    if (oidc.route === 'discovery') remember(discoveries, address, Date.now());
    const observation = observe(ctx, unit);
    if (!observation) return;
    observation.network = networkOf(ctx.ip);
    if (observation.steps[0]?.step === 'use' && !isFirstUse(observation, oidc)) return;
    const readAt = discoveries.get(address) ?? 0;
    if (Date.now() - readAt < HINT_LIFETIME_MS) observation.steps.unshift(stepAt('discovery', readAt));
    record(observation);
  }

  return async (ctx, next) => {
    await next();
    const { oidc } = ctx as unknown as Partial<KoaContextWithOIDC>;
    if (!ctx.state.unit) return;
    try {
      const failed = observeFailedSignIn(ctx.state.unit);
      if (failed) record({ ...failed, network: networkOf(ctx.ip) });
      else if (oidc) follow(ctx, oidc, ctx.state.unit);
    } catch (error) {
      log.warn({ event: 'trace', err: error });
    }
  };
}
