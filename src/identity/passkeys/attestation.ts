import { SettingsService, type VerifiedRegistrationResponse } from '@simplewebauthn/server';
import { isoBase64URL, isoCBOR } from '@simplewebauthn/server/helpers';
import { CeremonyRefusal } from './ceremony-response.ts';

/** What a verified attestation contains. */
export type RegistrationInfo = NonNullable<VerifiedRegistrationResponse['registrationInfo']>;

/**
 * For other formats the library fetches certificate revocation lists from URLs in the response, and does not check that
 * the model is that of the certificate.
 */
const FORMATS = ['none', 'packed', 'fido-u2f'];

/**
 * Checks an attestation object before the library verifies it.
 * @param attestationObject CBOR as base64url (Web Authentication Level 3 section 6.5)
 * @param allowedAaguids the models that may be registered; all when empty
 * @throws CeremonyRefusal
 */
export function checkAttestationObject(attestationObject: string, allowedAaguids: string[]): void {
  const bytes = isoBase64URL.toBuffer(attestationObject);
  const object = isoCBOR.decodeFirst(bytes) as Map<string, unknown>;
  // If bytes follow the object, another parser could read another object.
  if (isoCBOR.encode(object as never).length !== bytes.length) throw new CeremonyRefusal('encoding');
  const [format, statement] = [object.get('fmt'), object.get('attStmt')];
  if (!FORMATS.includes(String(format))) throw new CeremonyRefusal('attestation_format');
  if (allowedAaguids.length === 0) return;
  // Only a certificate of the manufacturer proves the model: anybody can sign a statement about themselves.
  const chain = statement instanceof Map ? statement.get('x5c') : undefined;
  if (format !== 'packed' || !Array.isArray(chain) || chain.length === 0)
    throw new CeremonyRefusal('authenticator_model');
}

/** @throws CeremonyRefusal when the model may not be registered */
export function checkModel({ aaguid }: RegistrationInfo, allowedAaguids: string[]): void {
  if (allowedAaguids.length > 0 && !allowedAaguids.includes(aaguid))
    throw new CeremonyRefusal('authenticator_model');
}

/**
 * After this call, a packed attestation is valid only if its certificate chain ends at one of these roots (Web
 * Authentication Level 3 section 7.1, step 24). Applies to the whole process, because the library keeps one list.
 * @param certificates in PEM
 */
export const trustAttestationRoots = (certificates: string[]) =>
  SettingsService.setRootCertificates({ identifier: 'packed', certificates });
