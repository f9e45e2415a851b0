import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { isVetted } from '../access/registered-via.ts';
import type { EngineClient } from './clients/client-document.ts';
import { isLoopback, isPrivateUse } from './clients/redirect-uris.ts';
import { defaultResponseMode } from './clients/response-types.ts';
import { beforeErrorRedirect } from './engine/errors.ts';

type RedirectedError = Parameters<Parameters<typeof beforeErrorRedirect>[1]>[1];

const refused = new WeakSet<object>();

/**
 * Whether an application can get an error before its user has done anything here. Anyone can register an address, and this
 * server must not forward visitors there (RFC 9700 section 4.11.2). A program on the own device is no other site, and an
 * application that the user of this session has allowed is no stranger.
 */
function isTrusted({ oidc }: KoaContextWithOIDC): boolean {
  const client = oidc.client as unknown as EngineClient | undefined;
  if (!client || isVetted(client) || oidc.route !== 'authorization') return true;
  if (isLoopback(String(oidc.params?.redirect_uri))) return true;
  return oidc.session?.accountId !== undefined && oidc.session.grantIdFor(client.clientId) !== undefined;
}

/** Shows errors of authorization requests on our own page if the application is not trusted with a redirect. */
export function keepUntrustedErrors(provider: Provider): void {
  beforeErrorRedirect(provider, (ctx, error: RedirectedError) => {
    if (isTrusted(ctx)) return;
    error.allow_redirect = false;
    // The engine has set that of a redirect for the errors of `prompt=none`.
    if (ctx.status < 400) ctx.status = 400;
    refused.add(error);
  });
}

/**
 * What the page of an error that is kept here says of the application, and a link by which its user goes on all the same. It
 * names the host, and is no button: nobody should follow it because it is what the page offers.
 * @returns undefined for other errors
 */
export function describeUntrusted(
  { oidc }: KoaContextWithOIDC,
  answer: object,
  error: Error,
): { lede: string; back: { url: string; label: string; isQuiet: true } | undefined } | undefined {
  if (!refused.has(error) || error instanceof errors.InvalidRedirectUri) return undefined;
  const lede =
    'The people who run this server have not checked the application that sent you here. If you did not open it yourself, close this page.';
  const { redirect_uri: uri, response_mode, response_type } = oidc.params ?? {};
  const mode = response_mode ?? defaultResponseMode(response_type);
  const target = URL.parse(String(uri));
  // Other modes need more than a link, and other schemes may start any program.
  if (!target || isPrivateUse(target.href) || mode !== 'query') return { lede, back: undefined };
  for (const [name, value] of Object.entries({ ...answer, state: oidc.params?.state }))
    if (value !== undefined) target.searchParams.set(name, String(value));
  return { lede, back: { url: target.href, label: `Go on to ${target.host}`, isQuiet: true } };
}
