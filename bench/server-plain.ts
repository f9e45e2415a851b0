import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { type Configuration, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { createGuardedFetch } from '../src/kit/guarded-fetch.ts';
import {
  API,
  allowDocuments,
  GRANT_TYPES,
  publishClient,
  REDIRECT_URI,
  SCOPE,
  serve,
  signInWithoutPage,
  TTL,
} from './control.ts';
import { MapAdapter } from './map-adapter.ts';

const CLIENT = { client_id: 'fieldnotes', client_secret: 's'.repeat(43), redirect_uris: [REDIRECT_URI] };
const PERSON = { username: 'ada', password: '' };

async function loadExistingGrant({ oidc }: KoaContextWithOIDC) {
  const { Grant } = oidc.provider;
  const clientId = String(oidc.client?.clientId);
  const known = oidc.result?.consent?.grantId ?? oidc.session?.grantIdFor(clientId);
  const existing = known ? await Grant.find(known) : undefined;
  if (existing) return existing;
  const grant = new Grant({ accountId: oidc.account?.accountId, clientId });
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
    fetch: createGuardedFetch({ allowPrivate: true }),
    jwks: { keys: [key] },
    clients: [
      {
        ...CLIENT,
        grant_types: [...GRANT_TYPES],
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
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
      resourceIndicators: {
        enabled: true,
        defaultResource: async (_ctx: unknown, _client: unknown, oneOf?: string[]) => oneOf,
        useGrantedResource: async () => true,
        getResourceServerInfo: async () => ({
          scope: API.scope,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 600,
          jwt: { sign: { alg: API.alg } },
        }),
      },
      pushedAuthorizationRequests: { enabled: true },
      deviceFlow: { enabled: true },
      clientIdMetadataDocument: { enabled: true, ack: 'draft-02', cacheDuration: { min: 300, max: 86_400 } },
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

/**
 * The engine with nothing around it: the settings that the same flows need, without Latchkey's hooks and middleware. Every browser is signed in without a page.
 */
await serve(async (origin) => {
  const provider = new Provider(origin, configuration());
  provider.use(signInWithoutPage(provider, 'ada', allowDocuments(provider, 'ada')) as never);
  const documentClientId = await publishClient();
  return { listener: provider.callback(), facts: { client: CLIENT, person: PERSON, documentClientId } };
});
