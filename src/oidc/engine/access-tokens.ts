import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';

type Step = (ctx: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>;

const load = <T>(module: Promise<T>) => module.catch(() => undefined);
const [tokens, challenge, cors, storage] = await Promise.all([
  load(import('oidc-provider/lib/shared/access_token.js')),
  load(import('oidc-provider/lib/shared/set_www_authenticate_header.js')),
  load(import('oidc-provider/lib/shared/cors.js')),
  load(import('oidc-provider/lib/helpers/als.js')),
]);

/** @returns the first of the engine's steps that it lacks */
export const findMissingTokenStep = (): string | undefined => {
  const steps = {
    getValidateAccessToken: tokens?.getValidateAccessToken,
    loadAccessTokenClient: tokens?.loadAccessTokenClient,
    loadAccessTokenAccount: tokens?.loadAccessTokenAccount,
    loadAccessTokenGrant: tokens?.loadAccessTokenGrant,
    setWWWAuthenticate: challenge?.default,
    cors: cors?.default,
    als: storage?.default.run,
  };
  return Object.entries(steps).find(([, step]) => typeof step !== 'function')?.[0];
};

/** A token for an API (RFC 8707) is for that API alone. */
const refuseAudience: Step = (ctx, next) => {
  const { aud } = ctx.oidc.entities.AccessToken as unknown as { aud?: unknown };
  if (aud === undefined) return next();
  throw new errors.InvalidToken('token audience prevents using it at this server');
};

/**
 * Lets a request that the engine does not serve present an access token of this server, by the very steps that the engine has
 * for userinfo: the Bearer and DPoP schemes (RFC 6750, RFC 9449), certificates (RFC 8705), client, account and grant, and the
 * cross-origin rules of an endpoint for applications.
 * @param options `urlOf`: the URL that the request has, for DPoP proofs. `methods`, `exposed`: for other origins
 * @returns resolves with false when it has answered a browser that asks before it calls (a preflight).
 *   Otherwise `ctx.oidc` has the token, client, account and grant. @throws the engine's errors
 */
export function createTokenCheck(
  provider: Provider,
  options: { urlOf(ctx: KoaContextWithOIDC): string; methods: string; exposed: string[] },
): (ctx: KoaContextWithOIDC) => Promise<boolean> {
  if (!tokens || !challenge || !cors || !storage) throw new Error('The engine lacks its steps for tokens.');
  const Oidc = provider.OIDCContext as unknown as new (ctx: object) => KoaContextWithOIDC['oidc'];
  const steps = [
    cors.default({
      allowMethods: options.methods,
      clientBased: true,
      maxAge: 3600,
      exposeHeaders: options.exposed,
    }),
    challenge.default(),
    tokens.getValidateAccessToken(),
    refuseAudience,
    tokens.loadAccessTokenClient,
    tokens.loadAccessTokenAccount,
    tokens.loadAccessTokenGrant,
  ];
  return async (ctx) => {
    const oidc = new Oidc(ctx);
    Object.assign(oidc, { urlFor: () => options.urlOf(ctx) });
    Object.defineProperty(ctx, 'oidc', { value: oidc, configurable: true });
    let isChecked = false;
    const run = async (index: number): Promise<void> => {
      const step = steps[index];
      if (step) return step(ctx, () => run(index + 1));
      isChecked = true;
    };
    await storage.default.run(ctx, () => run(0));
    return isChecked;
  };
}
