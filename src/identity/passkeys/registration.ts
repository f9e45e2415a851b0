import {
  generateRegistrationOptions,
  type PublicKeyCredentialCreationOptionsJSON,
  SettingsService,
  type VerifiedRegistrationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import { isoBase64URL, isoCBOR } from '@simplewebauthn/server/helpers';
import type { Authenticator } from './authenticator-names.ts';
import { Refusal, type Registration, readClientData } from './ceremony-response.ts';
import type { Challenge, Challenges } from './challenges.ts';
import { ALGORITHMS, checkPublicKey } from './public-key.ts';

/** `passkey`: found without a username, verifies its user, signs in by itself. `security_key`: after a password. */
export type Kind = 'passkey' | 'security_key';

/** `upgrade`: a passkey that the browser makes by itself after a password sign-in, without asking the person. */
export type Ceremony = Kind | 'upgrade';

export interface RelyingParty {
  /** What an authenticator shows. */
  name: string;
  /** The host of the issuer. */
  id: string;
  /** The issuer: the one origin whose pages are answered. */
  origin: string;
  /** Models that may be registered; attestation is asked for then. None: any. */
  allowedAaguids: string[];
}

/** A key whose registration was verified, as its row will have it. */
export interface NewKey {
  challenge: Challenge;
  kind: Kind;
  keyId: string;
  publicKey: string;
  attestationType: string;
  authenticator: Authenticator;
  signCount: number;
}

export interface RegistrationStart {
  boundTo: string;
  ceremony: Ceremony;
  /** The account's id, or the one that it will have. */
  userHandle: string;
  /** None before a sign-up has its account. */
  accountId?: string;
  username: string;
  displayName: string;
  /** Keys that the account has: an authenticator that holds one is not registered twice. */
  known: { id: string; transports: string[] }[];
}

/** @returns what the browser hands to the authenticator (PublicKeyCredentialCreationOptionsJSON) */
export async function startRegistration(
  rp: RelyingParty,
  challenges: Challenges,
  given: RegistrationStart,
): Promise<PublicKeyCredentialCreationOptionsJSON> {
  const passkey = given.ceremony !== 'security_key';
  const userVerification = passkey ? 'required' : 'discouraged';
  const challenge = await challenges.issue({
    purpose: 'registration',
    boundTo: `${given.ceremony} ${given.boundTo}`,
    accountId: given.accountId,
    userHandle: given.userHandle,
    userVerification,
  });
  return generateRegistrationOptions({
    rpName: rp.name,
    rpID: rp.id,
    userName: given.username,
    userDisplayName: given.displayName,
    userID: new TextEncoder().encode(given.userHandle),
    challenge: isoBase64URL.toBuffer(challenge),
    timeout: 5 * 60_000,
    attestationType: rp.allowedAaguids.length > 0 ? 'direct' : 'none',
    excludeCredentials: given.known,
    supportedAlgorithmIDs: ALGORITHMS,
    authenticatorSelection: passkey
      ? { residentKey: 'required', userVerification }
      : { residentKey: 'discouraged', userVerification, authenticatorAttachment: 'cross-platform' },
  });
}

/** Bytes after the object are nobody's: a parser that reads on elsewhere would see another object. */
function checkWhole(attestationObject: string): void {
  const bytes = isoBase64URL.toBuffer(attestationObject);
  if (isoCBOR.encode(isoCBOR.decodeFirst(bytes)).length !== bytes.length) throw new Refusal('encoding');
}

type Verified = NonNullable<VerifiedRegistrationResponse['registrationInfo']>;

/**
 * Before anything is verified: other formats have the library fetch lists of revoked certificates from wherever the
 * answer says, and do not hold the model to the certificate.
 */
const FORMATS = ['none', 'packed', 'fido-u2f'];

/** A model is what a certificate of its maker says: a self-signed statement proves nothing. */
function checkFormat(rp: RelyingParty, attestationObject: string): void {
  const object = isoCBOR.decodeFirst(isoBase64URL.toBuffer(attestationObject)) as Map<string, unknown>;
  const [format, statement] = [object.get('fmt'), object.get('attStmt')];
  if (!FORMATS.includes(String(format))) throw new Refusal('attestation_format');
  if (rp.allowedAaguids.length === 0) return;
  const chain = statement instanceof Map ? statement.get('x5c') : undefined;
  if (format !== 'packed' || !Array.isArray(chain) || chain.length === 0)
    throw new Refusal('authenticator_model');
}

function checkModel(rp: RelyingParty, { aaguid }: Verified): void {
  if (rp.allowedAaguids.length > 0 && !rp.allowedAaguids.includes(aaguid))
    throw new Refusal('authenticator_model');
}

/**
 * Web Authentication Level 3 section 7.1.
 * @throws Refusal with the reason for the audit log
 */
export async function finishRegistration(
  rp: RelyingParty,
  challenges: Challenges,
  given: { boundTo: string; ceremony: Ceremony; response: Registration },
): Promise<NewKey> {
  const { ceremony, response } = given;
  const expectedChallenge = readClientData(response.response.clientDataJSON);
  const challenge = await challenges.consume(
    expectedChallenge,
    'registration',
    `${ceremony} ${given.boundTo}`,
  );
  if (!challenge) throw new Refusal('challenge');
  let info: Verified;
  try {
    checkWhole(response.response.attestationObject);
    checkFormat(rp, response.response.attestationObject);
    const { registrationInfo } = await verifyRegistrationResponse({
      response: response as never,
      expectedChallenge,
      expectedOrigin: rp.origin,
      expectedRPID: rp.id,
      // Nobody touches anything when a browser upgrades (section 7.1, step 15).
      requireUserPresence: ceremony !== 'upgrade',
      requireUserVerification: ceremony === 'passkey',
      supportedAlgorithmIDs: ALGORITHMS,
    });
    if (!registrationInfo) throw new Refusal('attestation');
    info = registrationInfo;
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal('registration', error);
  }
  if (info.credential.id !== response.id) throw new Refusal('key_id');
  checkPublicKey(info.credential.publicKey);
  checkModel(rp, info);
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

/**
 * From now on a packed attestation counts only when it leads to one of them (Web Authentication Level 3 section 7.1,
 * step 24). It holds for this process: the library keeps them in one place.
 */
export const trustRoots = (certificates: string[]) =>
  SettingsService.setRootCertificates({ identifier: 'packed', certificates });
