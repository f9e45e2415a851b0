import {
  generateAuthenticationOptions,
  type PublicKeyCredentialRequestOptionsJSON,
  verifyAuthenticationResponse,
} from '@simplewebauthn/server';
import { isoBase64URL } from '@simplewebauthn/server/helpers';
import type { Knex } from 'knex';
import { digest } from '../../kit/ids.ts';
import type { Authenticator } from './authenticator-names.ts';
import { type Authentication, Refusal, readClientData } from './ceremony-response.ts';
import type { Challenges, Purpose } from './challenges.ts';
import type { Kind, RelyingParty } from './registration.ts';

const TABLE = 'T_webauthn_credentials';

/** What happens when a counter did not go up: the authenticator may have been copied. */
export type CounterPolicy = 'warn' | 'second_factor' | 'block';

export type Ceremony = Exclude<Purpose, 'registration'>;

export interface AuthenticationStart {
  purpose: Ceremony;
  boundTo: string;
  /** Whose key must answer; none for a sign-in without a username. */
  accountId?: string;
  allowed?: { id: string; transports: string[] }[];
}

/** Who answered, with what. */
export interface Authenticated {
  accountId: string;
  /** The row's id. */
  id: string;
  keyId: string;
  kind: Kind;
  authenticator: Authenticator;
  userVerified: boolean;
  /** Its counter did not go up, and the policy lets it in with another factor, or with a warning. */
  regressed: boolean;
}

/** A signed key alone, but for vouching after a second factor: a touch is enough there. */
const USER_VERIFICATION = {
  authentication: 'required',
  second_factor: 'discouraged',
  sign_key: 'discouraged',
} as const;

/** @returns PublicKeyCredentialRequestOptionsJSON */
export async function startAuthentication(
  rp: RelyingParty,
  challenges: Challenges,
  given: AuthenticationStart,
): Promise<PublicKeyCredentialRequestOptionsJSON> {
  const userVerification = USER_VERIFICATION[given.purpose];
  const challenge = await challenges.issue({
    purpose: given.purpose,
    boundTo: given.boundTo,
    accountId: given.accountId,
    allowedKeyIds: given.allowed?.map(({ id }) => id),
    userVerification,
  });
  return generateAuthenticationOptions({
    rpID: rp.id,
    challenge: isoBase64URL.toBuffer(challenge),
    timeout: 5 * 60_000,
    allowCredentials: given.allowed ?? [],
    userVerification,
  });
}

interface KeyRow {
  id: string;
  account_id: string;
  key_id: string;
  kind: Kind;
  public_key: string;
  authenticator: string;
  sign_count: number | string;
}

/** Only a signed key of an active account opens anything; a removed one is dead at once. */
const living = (knex: Knex, keyId: string) =>
  knex(`${TABLE} as k`)
    .join('T_accounts as a', 'a.id', 'k.account_id')
    .where({ 'k.key_id_hash': digest(keyId), 'a.is_active': true })
    .whereNull('k.deleted_at')
    .whereNotNull('k.signed_at')
    .first<KeyRow | undefined>(
      'k.id',
      'k.account_id',
      'k.key_id',
      'k.kind',
      'k.public_key',
      'k.authenticator',
      'k.sign_count',
    );

/**
 * Writes down that the key was used, if it is still there. One statement decides whether its counter went up: of
 * two answers with one counter, at two servers, one regresses.
 * @returns whether it did not go up (section 6.1.1); always false for keys that do not count
 * @throws Refusal when the key is gone, or did not go up and the policy is to block it
 */
async function noteUse(
  knex: Knex,
  key: KeyRow,
  used: { counter: number; authenticator: Authenticator; ip?: string; at: Date },
  policy: CounterPolicy,
): Promise<boolean> {
  const set = {
    authenticator: JSON.stringify(used.authenticator),
    last_used_at: used.at,
    last_used_ip: used.ip?.slice(0, 45) ?? null,
  };
  const alive = () => knex(TABLE).where({ id: key.id }).whereNull('deleted_at');
  const counted = await alive()
    .where((either) => {
      either.where('sign_count', '<', used.counter);
      if (used.counter === 0) either.orWhere('sign_count', 0);
    })
    .update({ ...set, sign_count: used.counter });
  if (counted === 1) return false;
  if (policy === 'block') throw new Refusal('counter', undefined, { accountId: key.account_id, id: key.id });
  if ((await alive().update(set)) !== 1) throw new Refusal('key');
  return true;
}

/**
 * Web Authentication Level 3 section 7.2.
 * @param given `at`, to the second: the session's time of authentication, by which the key is found again
 * @throws Refusal with the reason for the audit log
 */
export async function finishAuthentication(
  deps: { rp: RelyingParty; challenges: Challenges; knex: Knex; counterPolicy: CounterPolicy },
  given: {
    purpose: Ceremony;
    boundTo: string;
    accountId?: string;
    response: Authentication;
    at: Date;
    ip?: string;
  },
): Promise<Authenticated> {
  const { rp, challenges, knex } = deps;
  const { purpose, response } = given;
  const expectedChallenge = readClientData(response.response.clientDataJSON);
  const challenge = await challenges.consume(expectedChallenge, purpose, given.boundTo);
  if (!challenge || challenge.accountId !== (given.accountId ?? null)) throw new Refusal('challenge');
  if (challenge.allowedKeyIds && !challenge.allowedKeyIds.includes(response.id)) throw new Refusal('key');
  const key = await living(knex, response.id);
  if (!key || (given.accountId !== undefined && key.account_id !== given.accountId)) throw new Refusal('key');
  if (purpose === 'authentication' && key.kind !== 'passkey') throw new Refusal('kind');

  const { userHandle } = response.response;
  const named = userHandle ? Buffer.from(userHandle, 'base64url').toString('utf8') : undefined;
  // Without a username the handle is who it is: it must be there, and be the owner of the key.
  if (named === undefined ? purpose === 'authentication' : named !== key.account_id)
    throw new Refusal('user_handle');

  const before: Authenticator = JSON.parse(key.authenticator);
  const verified = await verifyAuthenticationResponse({
    response: response as never,
    expectedChallenge,
    expectedOrigin: rp.origin,
    expectedRPID: rp.id,
    requireUserVerification: USER_VERIFICATION[purpose] === 'required',
    // The library would judge the counter before the signature: anybody could then raise the alarm.
    credential: { id: key.key_id, publicKey: isoBase64URL.toBuffer(key.public_key), counter: 0 },
  }).catch((error) => {
    throw new Refusal('assertion', error);
  });
  if (!verified.verified) throw new Refusal('signature');
  const { newCounter, userVerified, credentialDeviceType, credentialBackedUp } = verified.authenticationInfo;
  // What a key is made for never changes: another authenticator answers.
  if (credentialDeviceType !== before.device_type) throw new Refusal('backup_eligibility');

  const authenticator = { ...before, backed_up: credentialBackedUp };
  const used = { counter: newCounter, authenticator, ip: given.ip, at: given.at };
  const regressed = await noteUse(knex, key, used, deps.counterPolicy);
  return {
    accountId: key.account_id,
    id: key.id,
    keyId: key.key_id,
    kind: key.kind,
    authenticator,
    userVerified,
    regressed,
  };
}
