import { hash, type X509Certificate } from 'node:crypto';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { findState } from './keys.ts';

/** A resource as the engine knows it. */
export interface EngineResource {
  identifier(): string;
  scopes: Set<string>;
}

/** What the engine's own grant types are made of. Each function takes the provider first. */
const helpers = await import('oidc-provider/lib/helpers/grants.js').catch(
  () => ({}) as typeof import('oidc-provider/lib/helpers/grants.js'),
);

/** The first of these functions that the installed engine lacks. */
export const findMissingGrantHelper = (): string | undefined =>
  ['validateDpop', 'checkDpopRequired', 'checkDpopReplay', 'checkMtlsCert', 'resolveRequestedResources'].find(
    (name) => typeof helpers[name as keyof typeof helpers] !== 'function',
  );

/** A token that can be bound to a key of its client. */
interface BindableToken {
  setThumbprint(kind: 'jkt' | 'x5t', value: string): void;
}

/** The only resource that the request names. @throws InvalidTarget through the engine for one that is unknown or unsuitable */
export async function findRequestedResource(ctx: KoaContextWithOIDC): Promise<EngineResource | undefined> {
  const { length, 0: first } = await helpers.resolveRequestedResources(ctx.oidc.provider, ctx);
  return length === 1 ? first : undefined;
}

/**
 * Binds a token to the key of the request's DPoP proof, or to the client's certificate.
 * @throws InvalidDpopProof, UseDpopNonce, InvalidGrant when a proof is invalid, used before, or missing although required
 */
export async function bindToClientKey(ctx: KoaContextWithOIDC, token: BindableToken): Promise<void> {
  const { provider, client } = ctx.oidc;
  const proof = await helpers.validateDpop(provider, ctx);
  helpers.checkDpopRequired(provider, ctx, proof);
  await helpers.checkDpopReplay(provider, ctx, proof, client?.clientId ?? '');
  if (proof) token.setThumbprint('jkt', proof.thumbprint);
  const certificate = helpers.checkMtlsCert(provider, ctx);
  if (certificate) token.setThumbprint('x5t', certificate);
}

/** What a token is bound to, if it is (RFC 9449 section 6.1, RFC 8705 section 3.1). */
export interface BoundToken {
  jkt?: string;
  'x5t#S256'?: string;
}

interface MutualTls {
  configuration: { features: { mTLS: { getCertificate(ctx: object): X509Certificate | undefined } } };
}

/**
 * Whether a request to the token endpoint has the proof of the key, or the certificate, that a token is bound to.
 * @throws InvalidDpopProof, UseDpopNonce, InvalidGrant when the proof is invalid, or was used before
 */
export async function showsKeyOf(ctx: KoaContextWithOIDC, token: BoundToken): Promise<boolean> {
  const { provider, client } = ctx.oidc;
  const proof = await helpers.validateDpop(provider, ctx);
  await helpers.checkDpopReplay(provider, ctx, proof, client?.clientId ?? '');
  if (token.jkt !== undefined && token.jkt !== proof?.thumbprint) return false;
  if (token['x5t#S256'] === undefined) return true;
  const { features } = (findState(provider) as MutualTls).configuration;
  const certificate = features.mTLS.getCertificate(ctx);
  return certificate !== undefined && token['x5t#S256'] === hash('sha256', certificate.raw, 'base64url');
}
