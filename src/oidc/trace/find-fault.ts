import type { Fault, Whose } from './fault-types.ts';
import { PAGE_FAULTS, REQUEST_FAULTS, SIGN_IN_FAULTS } from './request-faults.ts';
import type { StepName, TraceStep } from './steps.ts';
import { GRANT_FAULTS, TOKEN_FAULTS, USERINFO_FAULTS } from './token-faults.ts';

export const WHOSE: Record<Whose, string> = {
  application: 'the application',
  registration: 'the registration of the application here',
  either: 'the application, or its registration here',
  account: 'the account, which may have too little',
  user: 'nobody: the user decided so, or started again',
  clock: 'the clock of the application’s computer',
  sign_in: 'the user, or the account: the sign-in failed',
  unknown: 'not known',
};

/** Faults that the document describes in a sentence, or that show only in a whole attempt. */
const OTHERS: Fault[] = [
  {
    answer: 'jwt expired',
    whose: 'clock',
    cause: 'the client assertion is older than its own end, or the clock there is behind',
    remedy: 'set the clock of the application’s computer by NTP, and make a new assertion for each request',
    pattern: /^(jwt expired|jwt not active yet)$|iat is not recent enough/,
  },
  {
    answer: 'authorization code is expired',
    whose: 'application',
    cause: 'the code is older than a minute',
    remedy: 'exchange the code at once. Check the clocks of both computers',
  },
  {
    answer: 'invalid_token: token expired',
    whose: 'application',
    cause: 'the token was sent after its end, or the clock there is behind',
    remedy: 'read `expires_in` of the token response, and refresh in time',
    pattern: /token (is )?expired$/,
  },
  {
    answer: 'missing DPoP proof JWT',
    whose: 'application',
    cause:
      'the application is registered with `--require-dpop`, or began with DPoP, and this request has no proof',
    remedy: 'turn on DPoP in the application, or `latchkey client update CLIENT_ID --no-require-dpop`',
    pattern: /DPoP|jkt verification/,
  },
  {
    answer: 'insufficient_scope: access token missing openid scope',
    whose: 'either',
    cause: 'the token has no scope `openid`, which userinfo needs',
    remedy: 'request `openid`, and allow it with `latchkey client update CLIENT_ID --scope "…"`',
    pattern: /^insufficient_scope/,
  },
  {
    answer: 'inactive',
    whose: 'either',
    cause: 'the token is no longer valid, or the application is not a resource server for its scopes',
    remedy: '`latchkey client update CLIENT_ID --resource-server` for the API, and send it fresh tokens',
  },
  {
    answer: 'client assertion',
    whose: 'application',
    cause: 'the assertion of `private_key_jwt` or `client_secret_jwt` is not accepted',
    remedy: 'often `aud`: it must be the issuer alone, not the address of the token endpoint',
    pattern: /^invalid_client: .* \(client_assertion\)$/,
  },
];

/** A code that nobody exchanged. */
export const NEVER_EXCHANGED: Fault = {
  answer: 'no token request',
  whose: 'application',
  cause:
    'it got a code and never sent it to `/token`. Often its server cannot reach this one: a name, a port or a certificate',
  remedy: 'look into the log of the application, and open the discovery address from its computer',
};

/** A registration, or a pushed request, to which no browser came. */
export const NEVER_ASKED: Fault = {
  answer: 'no authorization request',
  whose: 'application',
  cause:
    'no user has signed in since. The application did not send its browser to `/auth`, or the user left the page',
  remedy: 'look at the address to which the application sends the browser, and sign in there to the end',
};

/** A device that did not ask again. */
export const NEVER_POLLED: Fault = {
  answer: 'no token request',
  whose: 'application',
  cause: 'the device did not ask `/token` again after its user had connected it',
  remedy: 'start again on the device, and keep its program running until it is connected',
};

/** A page that waits for the user. */
export const USER_AWAITED: Fault = {
  answer: 'no answer',
  whose: 'user',
  cause: 'the user has not answered the page that Latchkey showed last',
  remedy: 'sign in again, and go on to the end',
};

const UNKNOWN: Fault = {
  answer: '',
  whose: 'unknown',
  cause: 'the answer of the server says what is wrong',
  remedy: 'compare it with docs/connect/it-does-not-connect.md, and look for the same time in the log',
};

const ABOUT_REQUESTS = [...SIGN_IN_FAULTS, ...PAGE_FAULTS, ...REQUEST_FAULTS];
const ABOUT_TOKENS = [...GRANT_FAULTS, ...TOKEN_FAULTS, ...USERINFO_FAULTS];

/** The faults in the order in which they fit a step: one answer has other causes at other endpoints. */
const faultsOf = (step: StepName) =>
  step === 'request' || step === 'consent'
    ? [...OTHERS, ...ABOUT_REQUESTS, ...ABOUT_TOKENS]
    : [...OTHERS, ...ABOUT_TOKENS, ...ABOUT_REQUESTS];

/** The answer in the form that the document quotes: `error: description`. */
export const answerOf = ({ error, description }: Pick<TraceStep, 'error' | 'description'>) =>
  [error, description].filter(Boolean).join(': ');

/** @param step one that was refused @returns what is known about that answer: by its detail, which is more exact, if it has one */
export function findFault(step: TraceStep): Fault {
  const answer = answerOf(step);
  const texts = [step.detail, `${answer} (${step.parameter})`, answer];
  const known = faultsOf(step.step);
  for (const text of texts.filter((one) => one !== undefined)) {
    const found =
      known.find(({ answer }) => answer === text) ?? known.find(({ pattern }) => pattern?.test(text));
    if (found) return found;
  }
  return UNKNOWN;
}
