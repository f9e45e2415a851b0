import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

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
