declare module 'oidc-provider/lib/response_modes/*.js' {
  const mode: (ctx: object, redirectUri: string, out: Record<string, string>) => void | Promise<void>;
  export default mode;
}

declare module 'oidc-provider/lib/actions/end_session.js' {
  export const confirm: ((ctx: object) => Promise<void>)[];
}

declare module 'oidc-provider/lib/helpers/weak_cache.js' {
  const readState: (provider: object) => unknown;
  export default readState;
}

declare module 'oidc-provider/lib/helpers/jwt.js' {
  export function header(jwt: string): object;
  export function verify(
    jwt: string,
    keystore: object,
    options: { issuer: string },
  ): Promise<{ header: { typ?: string }; payload: Record<string, unknown> }>;
}
