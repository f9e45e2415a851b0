import {
  generateAuthenticationOptions,
  type PublicKeyCredentialRequestOptionsJSON,
  verifyAuthenticationResponse,
} from '@simplewebauthn/server';
import { isoBase64URL } from '@simplewebauthn/server/helpers';
import type { Knex } from 'knex';
import type { Authenticator } from './authenticator-names.ts';
import { type AuthenticationResponse, CeremonyRefusal, readChallenge } from './ceremony-response.ts';
import {
  CHALLENGE_LIFETIME_MS,
  type Challenge,
  type ChallengePurpose,
  type Challenges,
} from './challenges.ts';
import type { RelyingParty } from './registration.ts';
import {
  type CredentialUse,
  findUsableCredential,
  recordCountedUse,
  recordUncountedUse,
  type UsableCredential,
} from './sign-in-store.ts';
import type { CredentialKind } from './store.ts';

/** What to do when a signature counter does not go up, because the authenticator may have been copied. */
export type CounterPolicy = 'warn' | 'second_factor' | 'block';

export type AuthenticationPurpose = Exclude<ChallengePurpose, 'registration'>;

export interface AuthenticationStart {
  purpose: AuthenticationPurpose;
  boundTo: string;
  /** Unset for a sign-in without a username. */
  accountId?: string;
  /** The credentials that may respond; any when unset. */
  allowed?: { id: string; transports: string[] }[];
}

export interface AuthenticationFinish {
  purpose: AuthenticationPurpose;
  boundTo: string;
  accountId?: string;
  response: AuthenticationResponse;
  /**
   * The time of the sign-in, in whole seconds. The session has the same, and `findSigner` finds the credential by it.
   */
  at: Date;
  ip?: string;
}

/** Which credential responded, and whose it is. */
export interface AuthenticatedCredential {
  accountId: string;
  /** The id of its row. */
  id: string;
  /** Its credential ID, base64url. */
  keyId: string;
  kind: CredentialKind;
  authenticator: Authenticator;
  userVerified: boolean;
  /** Its counter did not go up, and the policy accepts that with a warning or another factor. */
  counterRegressed: boolean;
}

/** A passkey alone must verify its user. After a password, or to confirm another credential, a touch is enough. */
const USER_VERIFICATION = {
  authentication: 'required',
  second_factor: 'discouraged',
  sign_key: 'discouraged',
} as const;

/** @returns the options that the browser passes to the authenticator */
export async function startAuthentication(
  rp: RelyingParty,
  challenges: Challenges,
  options: AuthenticationStart,
): Promise<PublicKeyCredentialRequestOptionsJSON> {
  const userVerification = USER_VERIFICATION[options.purpose];
  const challenge = await challenges.issue({
    purpose: options.purpose,
    boundTo: options.boundTo,
    accountId: options.accountId,
    allowedKeyIds: options.allowed?.map(({ id }) => id),
    userVerification,
  });
  return generateAuthenticationOptions({
    rpID: rp.id,
    challenge: isoBase64URL.toBuffer(challenge),
    timeout: CHALLENGE_LIFETIME_MS,
    allowCredentials: options.allowed ?? [],
    userVerification,
  });
}

/** @returns the credential, if it may answer this challenge @throws CeremonyRefusal */
function checkCredential(
  credential: UsableCredential,
  challenge: Challenge,
  input: AuthenticationFinish,
): UsableCredential {
  const { purpose, accountId, response } = input;
  if (challenge.accountId !== (accountId ?? null)) throw new CeremonyRefusal('challenge');
  if (challenge.allowedKeyIds && !challenge.allowedKeyIds.includes(response.id))
    throw new CeremonyRefusal('key');
  if (accountId !== undefined && credential.account_id !== accountId) throw new CeremonyRefusal('key');
  if (purpose === 'authentication' && credential.kind !== 'passkey') throw new CeremonyRefusal('kind');
  const { userHandle } = response.response;
  const named = userHandle ? Buffer.from(userHandle, 'base64url').toString('utf8') : undefined;
  // A sign-in without a username needs a user handle, because that says who signs in. A handle that is sent must always
  // be the owner's id.
  if (named === undefined ? purpose === 'authentication' : named !== credential.account_id)
    throw new CeremonyRefusal('user_handle');
  return credential;
}

/**
 * Records that the credential was used, if it still exists.
 * @returns whether its signature counter did not go up (Web Authentication Level 3 section 6.1.1). Always false for
 *   authenticators that do not count
 * @throws CeremonyRefusal when it was removed, or did not count up and the policy is to block it
 */
async function recordUse(
  knex: Knex,
  { id, account_id: accountId }: UsableCredential,
  use: CredentialUse,
  policy: CounterPolicy,
): Promise<boolean> {
  if (await recordCountedUse(knex, id, use)) return false;
  if (policy === 'block') throw new CeremonyRefusal('counter', undefined, { accountId, id });
  if (!(await recordUncountedUse(knex, id, use))) throw new CeremonyRefusal('key');
  return true;
}

/**
 * Verifies an authentication (Web Authentication Level 3 section 7.2), and records that the credential was used.
 * @throws CeremonyRefusal with the reason for the audit log
 */
export async function finishAuthentication(
  deps: { rp: RelyingParty; challenges: Challenges; knex: Knex; counterPolicy: CounterPolicy },
  input: AuthenticationFinish,
): Promise<AuthenticatedCredential> {
  const { rp, knex } = deps;
  const { purpose, response } = input;
  const expectedChallenge = readChallenge(response.response.clientDataJSON);
  // Before the challenge is used up, which writes a row: an invented credential must not write any.
  const found = await findUsableCredential(knex, response.id);
  if (!found) throw new CeremonyRefusal('key');
  const challenge = await deps.challenges.consume(expectedChallenge, purpose, input.boundTo);
  if (!challenge) throw new CeremonyRefusal('challenge');
  const credential = checkCredential(found, challenge, input);
  const { id, account_id: accountId, key_id: keyId, kind } = credential;
  const stored: Authenticator = JSON.parse(credential.authenticator);
  const { verified, authenticationInfo } = await verifyAuthenticationResponse({
    response: response as never,
    expectedChallenge,
    expectedOrigin: rp.origin,
    expectedRPID: rp.id,
    requireUserVerification: USER_VERIFICATION[purpose] === 'required',
    // Zero, because the library checks the counter before the signature: anybody could raise a false alarm.
    credential: { id: keyId, publicKey: isoBase64URL.toBuffer(credential.public_key), counter: 0 },
  }).catch((error) => {
    throw new CeremonyRefusal('assertion', error);
  });
  if (!verified) throw new CeremonyRefusal('signature');
  const { newCounter, userVerified, credentialDeviceType, credentialBackedUp } = authenticationInfo;
  // Backup eligibility never changes, so this is another authenticator.
  if (credentialDeviceType !== stored.device_type) throw new CeremonyRefusal('backup_eligibility');
  const authenticator = { ...stored, backed_up: credentialBackedUp };
  const use = { counter: newCounter, authenticator, ip: input.ip, at: input.at };
  // Only a sign-in can go on to another factor. A copy must neither be that factor nor approve a key.
  const isFollowed = deps.counterPolicy !== 'second_factor' || purpose === 'authentication';
  const policy = isFollowed ? deps.counterPolicy : 'block';
  const counterRegressed = await recordUse(knex, credential, use, policy);
  return { accountId, id, keyId, kind, authenticator, userVerified, counterRegressed };
}
