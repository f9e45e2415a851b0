import { readFileSync } from 'node:fs';
import { errors, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { findUnit } from '../../database/unit-of-work.ts';
import { createFreshCache } from '../../kit/fresh-cache.ts';
import { findMissingTokenStep } from './access-tokens.ts';
import { findMissingAuthorizationStep } from './authorization-steps.ts';
import { WORDING } from './errors.ts';
import { findMissingGrantHelper } from './grants.ts';
import { hasKeys } from './keys.ts';
import { findMissingMode } from './messages.ts';
import { findMissingRouter } from './thrown-errors.ts';

/** Members of the provider that are replaced or called in this room. */
const MEMBERS = [
  'OIDCContext.prototype.entity',
  'OIDCContext.prototype.prompts',
  'OIDCContext.prototype.requestParamOIDCScopes',
  'OIDCContext.prototype.requestParamClaims',
  'OIDCContext.prototype.clientJwtAuthExpectedAudience',
  'AccessToken.prototype.save',
  'AccessToken.prototype.generateTokenId',
  'Claims.prototype.scope',
  'Claims.prototype.result',
  'ClientCredentials.prototype.save',
  'ClientCredentials.prototype.generateTokenId',
  'AuthorizationCode.prototype.generateTokenId',
  'RefreshToken.prototype.generateTokenId',
  'DeviceCode.find',
  'BackchannelAuthenticationRequest.find',
  'Grant.prototype.generateTokenId',
  'Grant.IN_PAYLOAD',
  'IdToken.prototype.issue',
  'Client.find',
  'Client.adapter',
  'Client.prototype.compareClientSecret',
  'Client.prototype.backchannelLogout',
  'Client.prototype.includeSid',
  'Client.prototype.redirectUriAllowed',
  'Client.prototype.postLogoutRedirectUriAllowed',
  'Session.prototype.resetIdentifier',
  'Session.prototype.persist',
];

/** The engine's own end of a session, which it otherwise runs once the user has confirmed. */
const endSession = await import('oidc-provider/lib/actions/end_session.js').then(
  ({ confirm }) => confirm.findLast(({ name }) => name === 'endSession'),
  () => undefined,
);

const readEngineFile = (file: string) =>
  readFileSync(new URL(import.meta.resolve(`oidc-provider/${file}`)), 'utf8');

function hasMember(provider: object, path: string): boolean {
  const names = path.split('.');
  const last = names.pop() as string;
  let holder: unknown = provider;
  for (const name of names) holder = (holder as Record<string, unknown> | undefined)?.[name];
  // Uses `in`, because reading the property would run a getter of the prototype.
  return (typeof holder === 'object' || typeof holder === 'function') && holder !== null && last in holder;
}

function hasWording([file, text]: readonly [string, string]): boolean {
  try {
    return readEngineFile(`lib/${file}`).includes(text);
  } catch {
    return false;
  }
}

/** @throws Error that names the engine's version and the first thing that is missing in it */
export function checkEngine(provider: object): void {
  const missing =
    MEMBERS.find((path) => !hasMember(provider, path)) ??
    findMissingMode() ??
    (endSession ? undefined : 'endSession') ??
    (hasKeys(provider) ? undefined : 'keystore') ??
    findMissingGrantHelper() ??
    findMissingTokenStep() ??
    findMissingRouter() ??
    findMissingAuthorizationStep() ??
    Object.values(WORDING).find((wording) => !hasWording(wording as [string, string]))?.[1];
  if (missing === undefined) return;
  const { version } = JSON.parse(readEngineFile('package.json')) as { version: string };
  throw new Error(
    `Latchkey does not work with oidc-provider ${version}, which lacks "${missing}". Run npm ci to install the version it was tested with.`,
  );
}

/** The members of an access token that are needed to limit its scope before it is stored. */
export interface EngineToken<Client> {
  scope?: string;
  /** The resource that it is for (RFC 8707), with the scopes that its application may have there. */
  resourceServer?: { scopes: Set<string>; accessTokenTTL?: number | undefined };
  client?: Client;
}

interface TokenModel<Client> {
  prototype: EngineToken<Client> & { save(): Promise<string>; generateTokenId(): string };
}

interface ClientModel {
  adapter: { find(clientId: string): Promise<object | undefined> };
  find(clientId: string): Promise<object | undefined>;
}

/** The engine accepts scopes from a fixed list. @param select returns those of a request's scopes that it may see */
export function replaceRequestedScopes(
  provider: Provider,
  select: (oidc: KoaContextWithOIDC['oidc']) => string[],
): void {
  Object.defineProperty(provider.OIDCContext.prototype, 'requestParamOIDCScopes', {
    get(this: KoaContextWithOIDC['oidc']) {
      return new Set(select(this));
    },
  });
}

/** @param select returns the claims of a request's `claims` parameter that the engine may grant, or ask consent for */
export function replaceRequestedClaims(
  provider: Provider,
  select: (oidc: KoaContextWithOIDC['oidc']) => string[],
): void {
  Object.defineProperty(provider.OIDCContext.prototype, 'requestParamClaims', {
    get(this: KoaContextWithOIDC['oidc']) {
      return new Set(select(this));
    },
  });
}

/** The declared constructor wants the scopes, which would become a parameter of the response. */
export const invalidScope = (description: string): Error =>
  Reflect.construct(errors.InvalidScope, [description]);

/** Runs `change` on every access token before it is stored; the request's context is undefined outside of one. */
export function beforeAccessTokenSave<Client>(
  provider: Provider,
  change: (token: EngineToken<Client>, ctx: KoaContextWithOIDC | undefined) => void,
): void {
  for (const model of [provider.AccessToken, provider.ClientCredentials]) {
    const { prototype } = model as unknown as TokenModel<Client>;
    const { save } = prototype;
    prototype.save = function () {
      change(this, Provider.ctx);
      return save.call(this);
    };
  }
}

type OpaqueModel = 'AuthorizationCode' | 'AccessToken' | 'ClientCredentials' | 'RefreshToken' | 'Grant';

/** @param make gets the engine's own value, 256 random bits in 43 characters, and returns the value to use */
export function replaceTokenIds(
  provider: Provider,
  model: OpaqueModel,
  make: (random: string) => string,
): void {
  const { prototype } = provider[model] as unknown as TokenModel<unknown>;
  const { generateTokenId } = prototype;
  prototype.generateTokenId = function () {
    return make(generateTokenId.call(this));
  };
}

/** Replaces the engine's comparison of client secrets. @param matches compares the stored secret with the presented one */
export function replaceSecretComparison(
  provider: Provider,
  matches: (stored: string | undefined, presented: string) => boolean,
): void {
  provider.Client.prototype.compareClientSecret = function (presented) {
    return matches(this.clientSecret, presented);
  };
}

/** @param isAllowed gets the URI of a request, and the registered ones */
export function replaceUriComparison<Client>(
  provider: Provider,
  isAllowed: (client: Client, uri: string, registered: readonly string[]) => boolean,
): void {
  const { prototype } = provider.Client;
  prototype.redirectUriAllowed = function (uri) {
    return isAllowed(this as Client, uri, this.redirectUris ?? []);
  };
  prototype.postLogoutRedirectUriAllowed = function (uri) {
    return isAllowed(this as Client, uri, this.postLogoutRedirectUris ?? []);
  };
}

/**
 * Keeps each validated client with the document it was made of. Otherwise the engine serialises and hashes the
 * document in every request to find out whether it has validated it before.
 * @param complete is called with each client and its document, perhaps repeatedly
 * @param isFetched whether the client_id is one whose document the engine fetches and keeps itself
 */
export function cacheClientsByDocument(
  provider: Provider,
  complete: (client: object, document: object) => void,
  isFetched: (clientId: string) => boolean,
): void {
  const model = provider.Client as unknown as ClientModel;
  const { find } = model;
  const clients = new WeakMap<object, object>();
  // The engine keeps these documents, and would validate them in every request.
  const findFetched = createFreshCache(async (clientId) => {
    const client = await find.call(model, clientId);
    if (client) complete(client, {});
    return client;
  });
  model.find = async function (clientId) {
    const document = await this.adapter.find(clientId);
    // Once in a request, also if it fails: the engine looks again for the client that its error is about.
    const fetchOnce = () =>
      findUnit()?.readOnce(`client:${clientId}`, () => findFetched(clientId)) ?? findFetched(clientId);
    if (!document) return isFetched(clientId) ? fetchOnce() : undefined;
    const client = clients.get(document) ?? (await find.call(this, clientId));
    if (client && !clients.has(document)) complete(client, document);
    if (client) clients.set(document, client);
    return client;
  };
}

/** Moves a session to a new id and stores it; the old id is no longer accepted. @returns the new id */
export async function renewSessionId(session: InstanceType<Provider['Session']>): Promise<string> {
  session.resetIdentifier();
  await session.persist();
  return session.jti;
}

/** What the engine keeps in the session while the user is asked whether to sign out. */
export function signOutState(ctx: KoaContextWithOIDC) {
  return ctx.oidc.session?.state as
    | { secret?: string; postLogoutRedirectUri?: string; state?: string }
    | undefined;
}

/**
 * Ends the session of this request and the tokens that depend on it, and redirects. Call it once a sign-out was
 * requested.
 */
export async function signOutNow(ctx: KoaContextWithOIDC): Promise<void> {
  Object.assign(ctx.oidc.params ?? {}, { logout: 'yes' });
  await endSession?.(ctx);
}
