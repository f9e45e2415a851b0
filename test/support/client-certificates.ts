import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './throwaway/index.ts';
import { ownedFolder } from './throwaway/program.ts';

/** A folder that the proxies can read, which the test run removes. */
export const createCertificateFolder = () => ownedFolder(join(temporaryFolder(true), 'certificates'));

/** A certificate and its private key, in PEM, and the files that have them. */
export interface ClientCertificate {
  cert: string;
  key: string;
  file: string;
  keyFile: string;
}

export interface Authority {
  ca: string;
  /** For a proxy, with the name localhost. */
  server: ClientCertificate;
  /** @param extension such as `subjectAltName=DNS:reports.example` */
  issue(name: string, subject: string, extension?: string): ClientCertificate;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function request(folder: string, name: string, args: string[]): ClientCertificate {
  const [file, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  execFileSync('openssl', ['req', '-x509', ...KEY, '-keyout', keyFile, '-out', file, ...args], {
    stdio: 'ignore',
  });
  // The proxies of the tests run as another user.
  chmodSync(keyFile, 0o644);
  return { cert: readFileSync(file, 'utf8'), key: readFileSync(keyFile, 'utf8'), file, keyFile };
}

/** Makes a certificate that nobody has signed but itself. */
export const makeSelfSigned = (folder: string, name: string): ClientCertificate =>
  request(folder, name, ['-subj', `/CN=${name}`, '-days', '2']);

/** Makes an authority in that folder, with openssl. */
export function makeAuthority(folder: string, name = 'ca'): Authority {
  const { file: ca, keyFile } = request(folder, name, ['-days', '2', '-subj', `/CN=${name}`]);
  const issue: Authority['issue'] = (leaf, subject, extension) => {
    const names = extension === undefined ? [] : ['-addext', extension];
    const signed = ['-CA', ca, '-CAkey', keyFile, '-addext', 'basicConstraints=critical,CA:FALSE'];
    return request(folder, leaf, ['-days', '2', '-subj', subject, ...names, ...signed]);
  };
  return {
    ca,
    server: issue(`${name}-server`, '/CN=localhost', 'subjectAltName=DNS:localhost,IP:127.0.0.1'),
    issue,
  };
}
