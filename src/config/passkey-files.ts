import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const nameFile = z.record(z.string(), z.union([z.string(), z.object({ name: z.string() })]));

/**
 * Reads the root certificates of authenticator makers from a PEM file.
 * @throws Error when the file cannot be read, holds no certificate, or holds a broken one
 */
export function readRootCertificates(path: string): string[] {
  const certificates = readFileSync(path, 'utf8').match(PEM) ?? [];
  if (certificates.length === 0) throw new Error(`${path} holds no certificate.`);
  for (const certificate of certificates) new X509Certificate(certificate);
  return certificates;
}

/**
 * Reads the names of authenticator models by AAGUID. Takes `{"<aaguid>": "<name>"}` and the format of the community
 * list passkey-authenticator-aaguids, `{"<aaguid>": {"name": "<name>", …}}`.
 * @throws Error when the file cannot be read or has another format
 */
export function readAuthenticatorNames(path: string): Map<string, string> {
  const parsed = nameFile.parse(JSON.parse(readFileSync(path, 'utf8')));
  return new Map(
    Object.entries(parsed).map(([aaguid, value]) => [
      aaguid.toLowerCase(),
      (typeof value === 'string' ? value : value.name).slice(0, 100),
    ]),
  );
}
