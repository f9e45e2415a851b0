import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SettingsService } from '@simplewebauthn/server';

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The root certificates of makers of authenticators, out of a PEM file.
 * @throws Error when it cannot be read, or holds none, or one that is no certificate
 */
export function readRoots(path: string): string[] {
  const certificates = readFileSync(path, 'utf8').match(PEM) ?? [];
  if (certificates.length === 0) throw new Error(`${path} holds no certificate.`);
  for (const certificate of certificates) new X509Certificate(certificate);
  return certificates;
}

/**
 * From now on a packed attestation counts only when it leads to one of them (Web Authentication Level 3 section 7.1,
 * step 24). It holds for this process: the library keeps them in one place.
 */
export const trustRoots = (certificates: string[]) =>
  SettingsService.setRootCertificates({ identifier: 'packed', certificates });
