import type { KoaContextWithOIDC, Provider } from 'oidc-provider';

type ResponseMode = (
  this: Provider,
  ctx: object,
  redirectUri: string,
  out: Record<string, string>,
) => void | Promise<void>;

const load = (module: Promise<{ default: ResponseMode }>) =>
  module.then(
    (loaded) => loaded.default,
    () => undefined,
  );

/** The engine's own response modes, to send an error that is known only once the commit has failed. */
const responseModes: Record<string, ResponseMode | undefined> = {
  query: await load(import('oidc-provider/lib/response_modes/query.js')),
  fragment: await load(import('oidc-provider/lib/response_modes/fragment.js')),
  form_post: await load(import('oidc-provider/lib/response_modes/form_post.js')),
};

/** Sends the others as one signed parameter (JARM), in the mode that the request names before `.jwt`. */
const signedMode = await load(import('oidc-provider/lib/response_modes/jwt.js'));

/** @param name of a request that was accepted @returns the mode by which it is answered */
export const findResponseMode = (name = 'query'): ResponseMode | undefined =>
  name === 'jwt' || name.endsWith('.jwt') ? signedMode : responseModes[name];

/** @returns the first of the modes that the engine lacks */
export const findMissingMode = (): string | undefined =>
  Object.keys(responseModes).find((mode) => typeof responseModes[mode] !== 'function') ??
  (signedMode ? undefined : 'jwt');

interface SignedMessage {
  extra: Record<string, unknown>;
  issue(options: { use: string }): Promise<string>;
}

/** Signs a message to the client of this request, as the engine signs its own, by the algorithm registered for `use`. */
export function signMessage(
  ctx: KoaContextWithOIDC,
  use: 'introspection',
  content: Record<string, unknown>,
): Promise<string> {
  const { IdToken } = ctx.oidc.provider as unknown as {
    IdToken: new (available: object, options: { ctx: KoaContextWithOIDC }) => SignedMessage;
  };
  const message = new IdToken({}, { ctx });
  message.extra = content;
  return message.issue({ use });
}
