import { generateKeyPairSync } from 'node:crypto';
import type { Middleware } from 'koa';
import { UnitOfWork, withUnit } from '../src/database/unit-of-work.ts';
import { createGuardedFetch } from '../src/kit/guarded-fetch.ts';
import { digest } from '../src/kit/ids.ts';
import { createLog } from '../src/kit/log.ts';
import { createSecrets } from '../src/kit/secrets.ts';
import { toEngineAccount } from '../src/oidc/claims.ts';
import { createProvider } from '../src/oidc/provider.ts';
import { createRegistration } from '../src/oidc/registration/index.ts';
import { correctEngineResponses } from '../src/oidc/responses.ts';
import { createSecondFactorPolicy } from '../src/oidc/second-factor-policy.ts';
import { answerErrors } from '../src/web/errors.ts';
import { logRequests } from '../src/web/request-log.ts';
import { setSecurityHeaders } from '../src/web/security-headers.ts';
import {
  ALLOWED_SCOPE,
  API,
  allowDocuments,
  GRANT_TYPES,
  publishClient,
  REDIRECT_URI,
  SCOPE,
  SECRETS,
  serve,
  signInWithoutPage,
  TTL,
} from './control.ts';
import { MapAdapter } from './map-adapter.ts';

const CLIENT = { client_id: 'fieldnotes', client_secret: 's'.repeat(43), redirect_uris: [REDIRECT_URI] };
const ACCOUNT = {
  username: 'ada',
  email: 'ada@harbour.example',
  emailVerified: false,
  name: null,
  givenName: null,
  familyName: null,
  locale: null,
  zoneinfo: null,
  picture: null,
  scopes: SCOPE.split(' '),
  updatedAt: new Date('2026-11-21T08:00:00Z'),
  hasDetails: false,
  hasRoles: false,
};

function key(alg: string, { privateKey }: ReturnType<typeof generateKeyPairSync>) {
  return { ...privateKey.export({ format: 'jwk' }), kid: alg, alg, use: 'sig' };
}

/** The client document as Latchkey gives it to the engine. */
const DOCUMENT = {
  ...CLIENT,
  client_secret: digest(CLIENT.client_secret),
  client_name: 'Fieldnotes',
  response_types: ['code'],
  grant_types: [...GRANT_TYPES],
  token_endpoint_auth_method: 'client_secret_basic',
  id_token_signed_response_alg: 'ES256',
  allowed_scopes: ALLOWED_SCOPE,
  pkce: 'always',
  is_first_party: true,
  display_code: false,
  exchange_resources: [],
  assertion_audiences: [],
  hand_out_services: [],
};

const NOTHING_STORED = {
  readOne: async () => undefined,
  commit: async () => undefined,
  close: async () => {},
};

/**
 * Two requests that are not measured need a unit of work: the first of an application that describes itself asks for a
 * remembered consent, and that of a device is stored with its address.
 */
const provideUnit: Middleware = (ctx, next) =>
  ctx.path === '/device/auth' ||
  (String(ctx.query.client_id).startsWith('https:') && ctx.query.prompt === undefined)
    ? withUnit(new UnitOfWork(NOTHING_STORED), next)
    : next();

/**
 * The engine in memory with Latchkey's configuration, hooks and claims, and with the same request id, headers and log
 * line for each request. Every browser is signed in without a page.
 */
await serve(async (origin) => {
  const log = createLog('info');
  const fail = () => {
    throw new Error('No flow of the bench shows a page.');
  };
  const clients = { find: async (id: string) => (id === CLIENT.client_id ? DOCUMENT : undefined) };
  const provider = createProvider({
    config: {
      issuer: origin,
      ttl: TTL,
      tokenEndpointAudience: false,
      implicitGrant: false,
      mtlsUrl: undefined,
      trustProxy: 0,
      groupsClaim: 'groups',
    },
    secrets: createSecrets(SECRETS),
    adapter: (model) => (model === 'Client' ? clients : new MapAdapter(model)),
    findAccount: async (id) => toEngineAccount({ ...ACCOUNT, id }),
    findResource: async () => ({
      ...API,
      name: 'Notes',
      scopes: [API.scope],
      format: 'jwt',
      ttl: undefined,
      clientId: undefined,
      authorizationTypes: {},
    }),
    secondFactorPolicy: createSecondFactorPolicy(
      { everyone: false, scopes: [], roles: [] },
      async () => undefined,
    ),
    fetch: createGuardedFetch({ allowPrivate: true }),
    countReference: async () => {},
    findPairwiseSubject: (_sector, accountId) => accountId,
    registration: createRegistration({
      config: { issuer: origin, implicitGrant: false, registration: { documents: true } },
      driver: { readOne: async () => undefined, commit: fail, close: fail },
      secrets: createSecrets(SECRETS),
      limits: { metadataDocument: { countAttempt: async () => {} } },
    }),
    keys: {
      signing: [
        key('RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })),
        key('ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })),
        key('EdDSA', generateKeyPairSync('ed25519')),
      ],
      accepted: [],
      published: [],
    },
    log,
    pages: { error: fail, signOut: fail, signedOut: fail, deviceRefused: fail, deviceConnected: fail },
    signInRequests: { findByHint: async () => undefined, isClosing: async () => false, announce() {} },
    identityAssertions: { findTrustedIssuer: fail, findBySubject: fail },
    findUnconnected: async () => [],
    handOut: fail,
    recordClientUse: () => {},
  });
  const around = [
    logRequests(log),
    setSecurityHeaders({ secure: false }),
    answerErrors({ log, showPage: fail, answerEndpointError: fail }),
    correctEngineResponses({ allowAnyFormTarget: fail, continueSignOut: fail }),
    provideUnit,
    signInWithoutPage(provider, 'ada', allowDocuments(provider, 'ada')),
  ];
  for (const one of around) provider.use(one as never);
  return {
    listener: provider.callback(),
    facts: {
      client: CLIENT,
      person: { username: 'ada', password: '' },
      documentClientId: await publishClient(),
    },
  };
});
