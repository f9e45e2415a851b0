import {
  generateRegistrationOptions,
  type PublicKeyCredentialCreationOptionsJSON,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import { isoBase64URL } from '@simplewebauthn/server/helpers';
import {
  checkAttestationObject,
  checkModel,
  type RegistrationInfo,
  trustAttestationRoots,
} from './attestation.ts';
import type { Authenticator } from './authenticator-names.ts';
import { CeremonyRefusal, type RegistrationResponse, readChallenge } from './ceremony-response.ts';
import { CHALLENGE_LIFETIME_MS, type Challenge, type Challenges } from './challenges.ts';
import { ALGORITHMS, checkPublicKey } from './public-key.ts';
import type { CredentialKind } from './store.ts';

/** `upgrade`: a passkey that the browser creates after a password sign-in without asking the user. */
export type RegistrationCeremony = CredentialKind | 'upgrade';

export interface RelyingParty {
  /** Shown by authenticators. */
  name: string;
  /** The host of the issuer. */
  id: string;
  /** The issuer, the only origin from which responses are accepted. */
  origin: string;
  /** The models that may be registered; all when empty. Otherwise the browser is asked for an attestation. */
  allowedAaguids: string[];
  /** The certificates that a packed attestation must lead to, in PEM; any when empty. */
  rootCertificates: string[];
}

/** A credential whose registration was verified, but which is not stored yet. */
export interface NewCredential {
  challenge: Challenge;
  kind: CredentialKind;
  /** The credential ID, base64url. */
  keyId: string;
  /** COSE_Key, base64url. */
  publicKey: string;
  attestationType: string;
  authenticator: Authenticator;
  signCount: number;
}

export interface RegistrationStart {
  boundTo: string;
  ceremony: RegistrationCeremony;
  /** The account's id, or for a sign-up the id that it will have. */
  userHandle: string;
  /** Unset for a sign-up. */
  accountId?: string;
  username: string;
  displayName: string;
  /** The credentials of the account. An authenticator that has one of them is not registered again. */
  known: { id: string; transports: string[] }[];
}

/** The ceremony is part of it, so that a response to one ceremony does not complete another. */
const bindingOf = (ceremony: RegistrationCeremony, boundTo: string) => `${ceremony} ${boundTo}`;

/** @returns the options that the browser passes to the authenticator */
export async function startRegistration(
  rp: RelyingParty,
  challenges: Challenges,
  options: RegistrationStart,
): Promise<PublicKeyCredentialCreationOptionsJSON> {
  const isPasskey = options.ceremony !== 'security_key';
  const userVerification = isPasskey ? 'required' : 'discouraged';
  const challenge = await challenges.issue({
    purpose: 'registration',
    boundTo: bindingOf(options.ceremony, options.boundTo),
    accountId: options.accountId,
    userHandle: options.userHandle,
    userVerification,
  });
  return generateRegistrationOptions({
    rpName: rp.name,
    rpID: rp.id,
    userName: options.username,
    userDisplayName: options.displayName,
    userID: new TextEncoder().encode(options.userHandle),
    challenge: isoBase64URL.toBuffer(challenge),
    timeout: CHALLENGE_LIFETIME_MS,
    attestationType: rp.allowedAaguids.length > 0 ? 'direct' : 'none',
    excludeCredentials: options.known,
    supportedAlgorithmIDs: ALGORITHMS,
    authenticatorSelection: isPasskey
      ? { residentKey: 'required', userVerification }
      : { residentKey: 'discouraged', userVerification, authenticatorAttachment: 'cross-platform' },
  });
}

/**
 * Verifies a registration (Web Authentication Level 3 section 7.1). Stores nothing.
 * @throws CeremonyRefusal with the reason for the audit log
 */
export async function finishRegistration(
  rp: RelyingParty,
  challenges: Challenges,
  input: { boundTo: string; ceremony: RegistrationCeremony; response: RegistrationResponse },
): Promise<NewCredential> {
  const { ceremony, response } = input;
  const expectedChallenge = readChallenge(response.response.clientDataJSON);
  const binding = bindingOf(ceremony, input.boundTo);
  const challenge = await challenges.consume(expectedChallenge, 'registration', binding);
  if (!challenge) throw new CeremonyRefusal('challenge');
  const info = await verify(rp, ceremony, response, expectedChallenge);
  if (info.credential.id !== response.id) throw new CeremonyRefusal('key_id');
  checkPublicKey(info.credential.publicKey);
  checkModel(info, rp.allowedAaguids);
  return {
    challenge,
    kind: ceremony === 'security_key' ? 'security_key' : 'passkey',
    keyId: info.credential.id,
    publicKey: isoBase64URL.fromBuffer(info.credential.publicKey),
    attestationType: info.fmt,
    authenticator: {
      aaguid: info.aaguid,
      transports: response.response.transports,
      device_type: info.credentialDeviceType,
      backed_up: info.credentialBackedUp,
    },
    signCount: info.credential.counter,
  };
}

async function verify(
  rp: RelyingParty,
  ceremony: RegistrationCeremony,
  response: RegistrationResponse,
  expectedChallenge: string,
): Promise<RegistrationInfo> {
  try {
    if (rp.rootCertificates.length > 0) trustAttestationRoots(rp.rootCertificates);
    checkAttestationObject(response.response.attestationObject, rp.allowedAaguids);
    const { registrationInfo } = await verifyRegistrationResponse({
      response: response as never,
      expectedChallenge,
      expectedOrigin: rp.origin,
      expectedRPID: rp.id,
      // Nobody touches an authenticator when a browser upgrades (section 7.1, step 15).
      requireUserPresence: ceremony !== 'upgrade',
      requireUserVerification: ceremony === 'passkey',
      supportedAlgorithmIDs: ALGORITHMS,
    });
    if (!registrationInfo) throw new CeremonyRefusal('attestation');
    return registrationInfo;
  } catch (error) {
    throw error instanceof CeremonyRefusal ? error : new CeremonyRefusal('registration', error);
  }
}
