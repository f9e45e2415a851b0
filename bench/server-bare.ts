import { generateKeyPairSync } from 'node:crypto';
import { type Configuration, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { REDIRECT_URI, SCOPE, serve, TTL } from './control.ts';

const CLIENT = { client_id: 'fieldnotes', client_secret: 's'.repeat(43), redirect_uris: [REDIRECT_URI] };
const PERSON = { username: 'ada', password: '' };

type Stored = Record<string, unknown>;
const stored = new Map<string, Stored>();
const uids = new Map<string, string>();

/** The engine's own in-memory adapter without its limit of 1000 entries: a Map of what it is given. */
class MapAdapter {
  readonly #name: string;
  constructor(name: string) {
    this.#name = name;
  }
  #key(id: string): string {
    return `${this.#name}:${id}`;
  }
  async upsert(id: string, payload: Stored): Promise<void> {
    if (this.#name === 'Session') uids.set(String(payload.uid), id);
    stored.set(this.#key(id), payload);
  }
  async find(id: string): Promise<Stored | undefined> {
    return stored.get(this.#key(id));
  }
  async findByUid(uid: string): Promise<Stored | undefined> {
    return stored.get(this.#key(uids.get(uid) ?? ''));
  }
  async findByUserCode(): Promise<undefined> {}
  async consume(id: string): Promise<void> {
    (stored.get(this.#key(id)) as Stored).consumed = Math.floor(Date.now() / 1000);
  }
  async destroy(id: string): Promise<void> {
    stored.delete(this.#key(id));
  }
  async revokeByGrantId(): Promise<void> {}
}

async function loadExistingGrant({ oidc }: KoaContextWithOIDC) {
  const { Grant } = oidc.provider;
  const known = oidc.session?.grantIdFor(CLIENT.client_id);
  const existing = known ? await Grant.find(known) : undefined;
  if (existing) return existing;
  const grant = new Grant({ accountId: oidc.account?.accountId, clientId: CLIENT.client_id });
  grant.addOIDCScope(SCOPE);
  await grant.save();
  return grant;
}

function configuration(): Configuration {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = { ...privateKey.export({ format: 'jwk' }), kid: 'bench', alg: 'ES256', use: 'sig' };
  const own = async (_ctx: unknown, client: { clientId: string }, token: { clientId?: string }) =>
    token.clientId === client.clientId;
  const cookie = { httpOnly: true, sameSite: 'lax', signed: true };
  const settings = {
    adapter: MapAdapter,
    jwks: { keys: [key] },
    clients: [
      {
        ...CLIENT,
        grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    findAccount: async (_ctx: unknown, id: string) => ({
      accountId: id,
      claims: async () => ({
        sub: id,
        preferred_username: PERSON.username,
        updated_at: 1_700_000_000,
        email: 'ada@harbour.example',
        email_verified: false,
      }),
    }),
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username', 'picture', 'updated_at'],
      email: ['email', 'email_verified'],
    },
    scopes: ['openid', 'offline_access', 'profile', 'email'],
    responseTypes: ['code'],
    pkce: { required: () => true },
    rotateRefreshToken: () => true,
    issueRefreshToken: async () => true,
    expiresWithSession: async () => true,
    loadExistingGrant,
    conformIdTokenClaims: false,
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    cookies: { keys: ['bench'], long: cookie, short: cookie },
    interactions: { url: (_ctx: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: own },
      revocation: { enabled: true, allowedPolicy: own },
      clientCredentials: { enabled: true },
      dPoP: { enabled: false },
      resourceIndicators: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      claimsParameter: { enabled: true },
    },
    ttl: {
      AccessToken: TTL.accessToken,
      ClientCredentials: TTL.accessToken,
      AuthorizationCode: 60,
      IdToken: 3600,
      Interaction: 3600,
      RefreshToken: TTL.refreshToken,
      Session: TTL.session,
      Grant: 10 * 365 * 86_400,
    },
  };
  return settings as unknown as Configuration;
}

/** The engine alone, in memory, set up as Latchkey sets it up. Whoever comes is signed in, without a page. */
await serve(async (origin) => {
  const provider = new Provider(origin, configuration());
  provider.use(async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next();
    await provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: 'ada' } });
    ctx.respond = false;
  });
  return { listener: provider.callback(), facts: { client: CLIENT, person: PERSON } };
});
