import { type KoaContextWithOIDC, Provider } from 'oidc-provider';

/** Runs `visit` on the parameters of each request, as soon as the engine has read them, after earlier visits. */
export function onParameters(
  provider: Provider,
  visit: (
    oidc: Pick<KoaContextWithOIDC['oidc'], 'params' | 'route' | 'session'> & { ctx: KoaContextWithOIDC },
  ) => void,
): void {
  const { prototype } = provider.OIDCContext;
  const earlier = Object.getOwnPropertyDescriptor(prototype, 'params');
  const read = new WeakMap<object, KoaContextWithOIDC['oidc']['params']>();
  Object.defineProperty(prototype, 'params', {
    configurable: true,
    get(this: KoaContextWithOIDC['oidc']) {
      return read.get(this);
    },
    set(this: Parameters<typeof visit>[0], params: KoaContextWithOIDC['oidc']['params']) {
      // First, since an earlier visit reads them here too.
      read.set(this, params);
      earlier?.set?.call(this, params);
      visit(this);
    },
  });
}

/** Runs `visit` as soon as the engine has found the client of a request, before it looks at the other parameters. */
export function onClientFound(provider: Provider, visit: (oidc: KoaContextWithOIDC['oidc']) => void): void {
  const { prototype } = provider.OIDCContext;
  const { entity } = prototype;
  prototype.entity = function (this: KoaContextWithOIDC['oidc'], key: string, value: unknown) {
    entity.call(this, key as never, value as never);
    if (key === 'Client' && value !== undefined) visit(this);
  } as typeof entity;
}

/**
 * After an error of a device's request the engine gives the session a form token and saves it, which throws for a visitor's
 * session: it was never stored. Our page has no form of the engine, so there is nothing to save.
 */
export function leaveUnstored({ oidc }: KoaContextWithOIDC): void {
  const session = oidc.session as { exp?: number; touched: boolean } | undefined;
  if (session && session.exp === undefined) session.touched = false;
}

interface DeviceCode {
  jti: string;
  clientId?: string;
}

/** Runs `visit` on the device code of each token request, once it was found. */
export function onDevicePoll(
  provider: Provider,
  visit: (code: DeviceCode, ctx: KoaContextWithOIDC) => void,
): void {
  const model = provider.DeviceCode as unknown as {
    find(value: string, options?: object): Promise<DeviceCode | undefined>;
  };
  const { find } = model;
  model.find = async function (value, options) {
    const code = await find.call(this, value, options);
    const { ctx } = Provider;
    if (code && ctx?.oidc.route === 'token') visit(code, ctx);
    return code;
  };
}
