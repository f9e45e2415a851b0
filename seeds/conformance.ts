import { randomBytes } from 'node:crypto';
import type { Services } from '../src/app/services.ts';
import type { AccountInput } from '../src/identity/accounts/input.ts';
import { browserTasks, leaveFirstSignIn } from './suite-browser.ts';
import {
  ACTOR,
  backchannelClient,
  basicClient,
  cibaClient,
  fapiClient,
  isMissing,
  register,
  registerBoundPair,
  registerFapi,
  SCOPE,
  signedClient,
} from './suite-clients.ts';
import type { CibaConfiguration, FapiConfiguration, SuiteConfiguration } from './suite-configuration.ts';

const USERNAME = 'conformance';
/** This user allows nothing, so the consent page comes whatever the suite was allowed before. */
const DENYING_USERNAME = 'conformance-denies';

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

/** One pixel. */
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

/** Creates a user, in place of an earlier one. */
async function createPerson({ accounts }: Pick<Services, 'accounts'>, person: AccountInput): Promise<void> {
  await accounts.delete(ACTOR, person.username).catch((error) => {
    if (!isMissing(error)) throw error;
  });
  const { id } = await accounts.create(ACTOR, person);
  await accounts.pictures.setPictureOf(ACTOR, id, PICTURE);
}

/**
 * Makes the user and the clients that the suite needs. Running it again gives them another password and other secrets.
 * @param deps services of the server, its issuer, and where it takes certificates of applications if not there
 * @returns the configurations to paste into the suite, and the password of the user
 */
export async function seedConformance(
  deps: Pick<Services, 'accounts' | 'clients'> & { issuer: string; mtlsUrl?: string | undefined },
): Promise<{
  username: string;
  password: string;
  configuration: SuiteConfiguration;
  backchannelConfiguration: SuiteConfiguration;
  fapiConfiguration: FapiConfiguration;
  signedConfiguration: FapiConfiguration;
  /** Undefined where the server takes no certificates of applications, like the next one. */
  mtlsConfiguration: FapiConfiguration | undefined;
  cibaConfiguration: CibaConfiguration | undefined;
}> {
  const password = randomBytes(24).toString('base64url');
  await createPerson(deps, { ...PERSON, password });
  await createPerson(deps, { username: DENYING_USERNAME, password, scope: SCOPE });
  const first = await register(deps, basicClient('conformance'));
  const user = { username: USERNAME, password };
  const browser = browserTasks(deps.issuer, user);
  const server = { discoveryUrl: `${deps.issuer}/.well-known/openid-configuration` };
  const common = { alias: 'latchkey', description: 'Latchkey', server, browser };
  const resource = { resourceUrl: `${deps.issuer}/me` };
  const showing = (what: 'showSignIn' | 'showConsent' | 'showSignOut') => ({
    browser: browserTasks(deps.issuer, user, { [what]: true }),
  });
  const configuration = {
    ...common,
    client: first,
    client2: await register(deps, basicClient('conformance-2')),
    // client_secret_basic includes client_secret_post here.
    client_secret_post: first,
    override: {
      'oidcc-prompt-login': showing('showSignIn'),
      'oidcc-max-age-1': showing('showSignIn'),
      'oidcc-registration-logo-uri': showing('showConsent'),
      'oidcc-registration-policy-uri': showing('showConsent'),
      'oidcc-registration-tos-uri': showing('showConsent'),
      'oidcc-rp-initiated-logout-no-id-token-hint': showing('showSignOut'),
    },
  };
  const backchannelConfiguration = {
    ...configuration,
    client: await register(deps, backchannelClient('conformance-backchannel')),
  };
  const fapiConfiguration = {
    ...common,
    client: await registerFapi(deps, fapiClient('conformance-fapi')),
    client2: await registerFapi(deps, fapiClient('conformance-fapi-2')),
    resource,
    override: {
      'fapi2-security-profile-final-par-ensure-reused-request-uri-prior-to-auth-completion-succeeds': {
        browser: [leaveFirstSignIn(deps.issuer), ...browser],
      },
      'fapi2-security-profile-final-user-rejects-authentication': {
        browser: browserTasks(deps.issuer, { username: DENYING_USERNAME, password }, { denies: true }),
      },
    },
  };
  const signedConfiguration = {
    ...fapiConfiguration,
    client: await registerFapi(deps, signedClient('conformance-signed')),
    client2: await registerFapi(deps, signedClient('conformance-signed-2')),
  };
  // With a certificate, as the suite sends requests to an API whose tokens are bound to it.
  const boundResource = { resourceUrl: `${deps.mtlsUrl ?? deps.issuer}/me` };
  const bound = await registerBoundPair(deps, ['conformance-mtls', 'conformance-mtls-2'], fapiClient);
  const mtlsConfiguration = bound && {
    ...fapiConfiguration,
    client: bound[0],
    client2: bound[1],
    resource: boundResource,
  };
  const ciba = await registerBoundPair(deps, ['conformance-ciba', 'conformance-ciba-2'], cibaClient);
  const hint = { hint_type: 'login_hint', hint_value: USERNAME, acr_value: 'pwd' } as const;
  const { browser: _, ...withoutBrowser } = common;
  const cibaConfiguration = ciba && {
    ...withoutBrowser,
    client: { ...ciba[0], ...hint },
    client2: { ...ciba[1], ...hint },
    resource: boundResource,
  };
  return {
    username: USERNAME,
    password,
    configuration,
    backchannelConfiguration,
    fapiConfiguration,
    signedConfiguration,
    mtlsConfiguration,
    cibaConfiguration,
  };
}
