declare module 'oidc-provider/lib/response_modes/*.js' {
  const mode: (ctx: object, redirectUri: string, out: Record<string, string>) => void | Promise<void>;
  export default mode;
}

declare module 'oidc-provider/lib/actions/authorization/index.js' {
  export default function stepsOf(
    endpoint: 'authorization',
  ): ((ctx: never, next: () => Promise<void>) => unknown)[];
}

declare module 'oidc-provider/lib/actions/end_session.js' {
  export const confirm: ((ctx: object) => Promise<void>)[];
}

declare module 'oidc-provider/lib/helpers/weak_cache.js' {
  const readState: (provider: object) => unknown;
  export default readState;
}

declare module 'oidc-provider/lib/helpers/router.js' {
  const Router: { prototype: object };
  export default Router;
}

declare module 'oidc-provider/lib/helpers/jwt.js' {
  export function header(jwt: string): object;
  export function verify(
    jwt: string,
    keystore: object,
    options: { issuer: string },
  ): Promise<{ header: { typ?: string }; payload: Record<string, unknown> }>;
  export function sign(
    payload: object,
    key: unknown,
    alg: string,
    options: { typ: string; fields: { kid: string } },
  ): Promise<string>;
}

declare module 'oidc-provider/lib/helpers/grants.js' {
  type Provider = import('oidc-provider').Provider;
  type Context = import('oidc-provider').KoaContextWithOIDC;
  type Proof = { thumbprint: string } | undefined;
  export function validateDpop(provider: Provider, ctx: Context): Promise<Proof>;
  export function checkDpopRequired(provider: Provider, ctx: Context, proof: Proof): void;
  export function checkDpopReplay(
    provider: Provider,
    ctx: Context,
    proof: Proof,
    clientId: string,
  ): Promise<void>;
  export function checkMtlsCert(provider: Provider, ctx: Context): string | undefined;
  export function resolveRequestedResources(
    provider: Provider,
    ctx: Context,
  ): Promise<{ identifier(): string; scopes: Set<string> }[]>;
}

declare module 'oidc-provider/lib/shared/access_token.js' {
  type Step = (ctx: import('oidc-provider').KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>;
  export function getValidateAccessToken(): Step;
  export const loadAccessTokenClient: Step;
  export const loadAccessTokenAccount: Step;
  export const loadAccessTokenGrant: Step;
}

declare module 'oidc-provider/lib/shared/set_www_authenticate_header.js' {
  export default function getStep(): (
    ctx: import('oidc-provider').KoaContextWithOIDC,
    next: () => Promise<void>,
  ) => Promise<void>;
}

declare module 'oidc-provider/lib/shared/cors.js' {
  export default function getStep(options: {
    allowMethods: string;
    clientBased: boolean;
    maxAge: number;
    exposeHeaders: string[];
  }): (ctx: import('oidc-provider').KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>;
}

declare module 'oidc-provider/lib/helpers/als.js' {
  const storage: import('node:async_hooks').AsyncLocalStorage<object>;
  export default storage;
}
