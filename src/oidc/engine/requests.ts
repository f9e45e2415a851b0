import { type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { findState, isJwt } from './keys.ts';

/** No token has this form. */
const HIDDEN = '(JWT)';

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
 * Runs `visit` just before the engine checks the scope of an authorization request, once. By then the parameters of a pushed
 * or signed request have taken the place of those in the address (RFC 9126, RFC 9101), which count for nothing. The engine
 * has no hook there, but reads the prompts first.
 */
export function beforeScopeCheck(
  provider: Provider,
  visit: (oidc: KoaContextWithOIDC['oidc']) => void,
): void {
  const { prototype } = provider.OIDCContext;
  const earlier = Object.getOwnPropertyDescriptor(prototype, 'prompts');
  const visited = new WeakSet<object>();
  Object.defineProperty(prototype, 'prompts', {
    configurable: true,
    get(this: KoaContextWithOIDC['oidc']) {
      if (!visited.has(this)) {
        visited.add(this);
        visit(this);
      }
      return earlier?.get?.call(this);
    },
  });
}

/**
 * After an error of a device's request the engine gives the session a form token and saves it, which throws for a visitor's
 * session: it was never stored. Our page has no form of the engine, so there is nothing to save.
 */
export function leaveUnstored({ oidc }: KoaContextWithOIDC): void {
  const session = oidc.session as { exp?: number; touched: boolean } | undefined;
  if (session && session.exp === undefined) session.touched = false;
}

interface PolledCode {
  jti: string;
  kind: string;
  clientId?: string;
  /** Once the user has allowed it. */
  grantId?: string;
  /** Once the user has denied it. */
  error?: string;
}

/** Runs `visit` on the code of each token request for which an application polls, once it was found. */
export function onPoll(provider: Provider, visit: (code: PolledCode, ctx: KoaContextWithOIDC) => void): void {
  for (const polled of [provider.DeviceCode, provider.BackchannelAuthenticationRequest]) {
    const model = polled as unknown as {
      find(value: string, options?: object): Promise<PolledCode | undefined>;
    };
    const { find } = model;
    model.find = async function (value, options) {
      const code = await find.call(this, value, options);
      const { ctx } = Provider;
      if (code && ctx?.oidc.route === 'token') visit(code, ctx);
      return code;
    };
  }
}

type Consumable = {
  consume(): Promise<void>;
  accountId?: string;
  resource?: string | string[];
  /** The answer of a device's user who has denied it. */
  error?: string;
};

/**
 * Runs `check` on each code that a token request presents, once the engine has accepted it and before it is used up. A
 * code that was denied is not used up: a device that asks twice gets the same answer, and no replay is recorded.
 */
export function beforeCodeUse(
  provider: Provider,
  check: (ctx: KoaContextWithOIDC, code: Pick<Consumable, 'accountId' | 'resource'>) => Promise<void>,
): void {
  const { AuthorizationCode, DeviceCode, BackchannelAuthenticationRequest } = provider;
  for (const model of [AuthorizationCode, DeviceCode, BackchannelAuthenticationRequest]) {
    const { prototype } = model as unknown as { prototype: Consumable };
    const { consume } = prototype;
    prototype.consume = async function () {
      const { ctx } = Provider;
      if (this.error !== undefined) return;
      if (ctx) await check(ctx, this);
      await consume.call(this);
    };
  }
}

/**
 * Lets the endpoint for introspection read JWTs, where the engine refuses all that have the form of one.
 * @param read returns what the JWT stands for, as the members of an access token; undefined if it is not valid
 */
export function acceptIntrospectedJwts(
  provider: Provider,
  read: (jwt: string) => Promise<object | undefined>,
): void {
  /** The JWT of each request, in whose place the engine sees a text that is no token. */
  const presented = new WeakMap<object, string>();
  onParameters(provider, ({ route, params }) => {
    if (route !== 'introspection' || typeof params?.token !== 'string' || !isJwt(params.token)) return;
    presented.set(params, params.token);
    params.token = HIDDEN;
  });
  const model = provider.AccessToken as unknown as {
    new (members: object): object;
    find(value: string, options?: object): Promise<object | undefined>;
  };
  const { find } = model;
  model.find = async function (value, options) {
    const jwt = value === HIDDEN ? presented.get(Object(Provider.ctx?.oidc.params)) : undefined;
    if (jwt === undefined) return find.call(this, value, options);
    const members = await read(jwt);
    return members && new this(members);
  };
}

/**
 * Lets every type of authorization details (RFC 9396) be checked by `validate`. The engine knows a fixed list of types, and
 * lets a client use none that its metadata do not name.
 */
export function acceptAuthorizationTypes(
  provider: Provider,
  validate: (ctx: KoaContextWithOIDC, detail: { type: string }) => Promise<void>,
): void {
  const state = findState(provider) as {
    features: { richAuthorizationRequests: { types: Record<string, object> } };
  };
  const known = { value: { validate }, configurable: true };
  state.features.richAuthorizationRequests.types = new Proxy(
    {},
    { get: () => known.value, getOwnPropertyDescriptor: () => known },
  );
  // The engine gives each client a list without entries, by which it would refuse every type.
  const { prototype } = provider.Client;
  Object.defineProperty(prototype, 'authorizationDetailsTypes', {
    get: () => undefined,
    set: () => {},
  });
}
