import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownedFolder, runProgram } from './throwaway/program.ts';

export interface Certificates {
  /** The authority that signed the server's certificate. */
  ca: string;
  cert: string;
  key: string;
}

/**
 * Makes an authority, and a certificate of it for the host name `localhost` alone.
 * @param parent must exist; the database servers can read the files
 */
export async function makeCertificates(parent: string): Promise<Certificates> {
  const folder = ownedFolder(join(parent, 'certificates'));
  const file = (name: string) => join(folder, name);
  const [ca, caKey, cert, key] = ['ca.pem', 'ca.key', 'server.pem', 'server.key'].map(file) as [
    string,
    string,
    string,
    string,
  ];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const create = ['req', '-x509', ...curve, '-nodes', '-days', '2'];
  await runProgram(
    'openssl',
    [...create, '-subj', '/CN=Test authority', '-keyout', caKey, '-out', ca],
    folder,
  );
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const leaf = ['-addext', 'basicConstraints=critical,CA:FALSE', '-CA', ca, '-CAkey', caKey];
  await runProgram('openssl', [...create, ...name, ...leaf, '-keyout', key, '-out', cert], folder);
  return { ca, cert, key };
}

/** @returns a file with rules for PostgreSQL under which nobody connects without TLS */
export function writeTlsOnlyRules(folder: string): string {
  const file = join(folder, 'tls-only.conf');
  writeFileSync(file, 'hostssl all all all trust\n');
  chmodSync(file, 0o644);
  return file;
}

export const isOpensslInstalled = () => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
