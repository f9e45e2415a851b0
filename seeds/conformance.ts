import { randomBytes } from 'node:crypto';
import type { Services } from '../src/app/services.ts';
import { LatchkeyError } from '../src/kit/errors.ts';
import type { ClientInput } from '../src/oidc/clients/input.ts';
import { generateKey } from '../src/oidc/signing-keys/generate.ts';
import type {
  CibaConfiguration,
  CibaSuiteClient,
  FapiConfiguration,
  FapiSuiteClient,
  SuiteClient,
  SuiteConfiguration,
} from './suite-configuration.ts';

/** The operator. */
const ACTOR = { accountId: null };
const USERNAME = 'conformance';
/** Where the suite runs by default, and the alias of its test plans. */
const SUITE = 'https://localhost.emobix.co.uk:8443/test/a/latchkey';
const SCOPE = 'openid profile email address phone';

/** A user with a value for every claim. */
const PERSON = {
  username: USERNAME,
  email: 'conformance@latchkey.example',
  emailVerified: true,
  name: 'Grace Brewster Hopper',
  givenName: 'Grace',
  middleName: 'Brewster',
  familyName: 'Hopper',
  nickname: 'Amazing Grace',
  profile: 'https://latchkey.example/people/grace',
  website: 'https://grace.example',
  gender: 'female',
  birthdate: '1906-12-09',
  zoneinfo: 'America/New_York',
  locale: 'en-US',
  phoneNumber: '+1 212 555 0100',
  phoneNumberVerified: true,
  streetAddress: '1 Compiler Way',
  locality: 'New York',
  region: 'NY',
  postalCode: '10001',
  country: 'United States',
  scope: SCOPE,
};

/**
 * The suite sends requests without PKCE, and without a nonce in one module. It warns of claims in the ID token that only a
 * scope asked for.
 */
const client = (clientId: string): ClientInput => ({
  clientId,
  name: `OpenID conformance suite (${clientId})`,
  redirectUris: [`${SUITE}/callback`, `${SUITE}/callback?dummy1=lorem&dummy2=ipsum`],
  postLogoutRedirectUris: [`${SUITE}/post_logout_redirect`],
  backchannelLogoutUri: `${SUITE}/backchannel_logout`,
  scope: SCOPE,
  pkce: 'off',
  idTokenClaims: 'requested',
  firstParty: true,
});

const isMissing = (error: unknown) => error instanceof LatchkeyError && error.kind === 'not_found';

/** The clients of FAPI 2.0 push their requests, use PKCE, and bind their tokens to a key. The user is asked, and denies once. */
const fapiClient = (clientId: string): ClientInput => ({
  ...client(clientId),
  pkce: 'always',
  fapi: true,
  firstParty: false,
  authMethod: 'private_key_jwt',
});

/** Those of CIBA poll. The suite binds their tokens by mutual TLS. */
const cibaClient = (clientId: string): ClientInput => ({
  ...fapiClient(clientId),
  redirectUris: [],
  postLogoutRedirectUris: [],
  backchannelLogoutUri: undefined,
  grantTypes: ['urn:openid:params:grant-type:ciba', 'refresh_token'],
  requireMtls: true,
});

/** Registers a client with a new key, or gives it to the earlier one. */
async function registerFapi(
  { clients }: Pick<Services, 'clients'>,
  clientId: string,
  made: ClientInput = fapiClient(clientId),
): Promise<FapiSuiteClient> {
  const { publicJwk, privateJwk } = await generateKey('ES256');
  const input = { ...made, jwks: { keys: [publicJwk] } as ClientInput['jwks'] };
  const { clientId: _, ...changes } = input;
  await clients.update(ACTOR, clientId, changes).catch((error) => {
    if (isMissing(error)) return clients.create(ACTOR, input);
    throw error;
  });
  return { client_id: clientId, scope: 'openid profile offline_access', jwks: { keys: [privateJwk] } };
}

/** @returns undefined where the server takes no client certificates, without which the suite cannot test CIBA */
async function registerCiba(deps: Pick<Services, 'clients'>): Promise<CibaSuiteClient[] | undefined> {
  const registered: CibaSuiteClient[] = [];
  for (const clientId of ['conformance-ciba', 'conformance-ciba-2']) {
    const made = await registerFapi(deps, clientId, cibaClient(clientId)).catch((error) => {
      if (error instanceof LatchkeyError && error.code === 'mutual_tls_off') return undefined;
      throw error;
    });
    if (!made) return undefined;
    registered.push({ ...made, hint_type: 'login_hint', hint_value: USERNAME });
  }
  return registered;
}

/** Registers a client, or gives the earlier one another secret. @returns what the suite needs of it */
async function register({ clients }: Pick<Services, 'clients'>, clientId: string): Promise<SuiteClient> {
  const { clientId: _, ...changes } = client(clientId);
  const document = await clients.update(ACTOR, clientId, changes).then(
    () => clients.rotateSecret(ACTOR, clientId),
    (error) => {
      if (isMissing(error)) return clients.create(ACTOR, client(clientId));
      throw error;
    },
  );
  return { client_id: clientId, client_secret: String(document.client_secret) };
}

/** Creates the user, in place of an earlier one. */
async function createPerson({ accounts }: Pick<Services, 'accounts'>, password: string): Promise<void> {
  await accounts.delete(ACTOR, USERNAME).catch((error) => {
    if (!isMissing(error)) throw error;
  });
  await accounts.create(ACTOR, { ...PERSON, password });
}

/** What the suite's browser types and presses: it signs in, and allows, where it is asked to. */
const browserTasks = (issuer: string, password: string, decision: 'allow' | 'deny' = 'allow') => [
  {
    match: `${issuer}/auth*`,
    tasks: [
      {
        task: 'Sign in',
        optional: true,
        match: `${issuer}/interaction/*`,
        commands: [
          ['text', 'id', 'username', USERNAME],
          ['text', 'id', 'password', password],
          ['click', 'css', 'form button.primary'],
        ],
      },
      {
        task: decision === 'allow' ? 'Allow' : 'Deny',
        optional: true,
        match: `${issuer}/interaction/*`,
        commands: [['click', 'css', `button[value=${decision}]`]],
      },
      { task: 'Finish', match: `${SUITE}/callback*`, commands: [['wait', 'id', 'submission_complete', 10]] },
    ],
  },
  {
    match: `${issuer}/session/end*`,
    tasks: [
      {
        task: 'Sign out',
        optional: true,
        match: `${issuer}/session/end*`,
        commands: [['click', 'css', 'form button.primary']],
      },
    ],
  },
];

/**
 * Makes the user and the clients that the suite needs. Running it again gives them another password and other secrets.
 * @param deps services of the server, and its issuer
 * @returns the configurations to paste into the suite, and the password of the user
 */
export async function seedConformance(
  deps: Pick<Services, 'accounts' | 'clients'> & { issuer: string },
): Promise<{
  username: string;
  password: string;
  configuration: SuiteConfiguration;
  fapiConfiguration: FapiConfiguration;
  cibaConfiguration: CibaConfiguration | undefined;
}> {
  const password = randomBytes(24).toString('base64url');
  await createPerson(deps, password);
  const first = await register(deps, 'conformance');
  const browser = browserTasks(deps.issuer, password);
  const server = { discoveryUrl: `${deps.issuer}/.well-known/openid-configuration` };
  const common = { alias: 'latchkey', description: 'Latchkey', server, browser };
  const resource = { resourceUrl: `${deps.issuer}/me` };
  const configuration = {
    ...common,
    client: first,
    client2: await register(deps, 'conformance-2'),
    // client_secret_basic includes client_secret_post here.
    client_secret_post: first,
  };
  const fapiConfiguration = {
    ...common,
    client: await registerFapi(deps, 'conformance-fapi'),
    client2: await registerFapi(deps, 'conformance-fapi-2'),
    resource,
    override: {
      'fapi2-security-profile-final-user-rejects-authentication': {
        browser: browserTasks(deps.issuer, password, 'deny'),
      },
    },
  };
  const [ciba, ciba2] = (await registerCiba(deps)) ?? [];
  const { browser: _, ...withoutBrowser } = common;
  const cibaConfiguration = ciba && ciba2 && { ...withoutBrowser, client: ciba, client2: ciba2, resource };
  return { username: USERNAME, password, configuration, fapiConfiguration, cibaConfiguration };
}
