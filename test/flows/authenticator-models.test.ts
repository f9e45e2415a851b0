import 'reflect-metadata';
import assert from 'node:assert/strict';
import { KeyObject, webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { readRootCertificates } from '../../src/config/passkey-files.ts';
import { Authenticator, type Tweaks } from '../support/authenticator.ts';
import { invite, open } from '../support/builders/invitation.ts';
import { placeOf, register } from '../support/builders/passkey.ts';
import { startServer } from '../support/server.ts';

cryptoProvider.set(webcrypto as never);
const ES256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const AAGUID = '2fc0579f-8113-47ea-b116-bb5a8db9202a';
const bytesOf = (aaguid: string) => Buffer.from(aaguid.replaceAll('-', ''), 'hex');

/** A manufacturer of authenticators: its root certificate, and the certificate of one model. */
async function maker(name: string) {
  const pair = () => webcrypto.subtle.generateKey(ES256, true, ['sign', 'verify']);
  const [root, leaf] = [await pair(), await pair()];
  const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name} root`,
    keys: root,
    signingAlgorithm: ES256,
    ...validity,
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });
  const signed = await X509CertificateGenerator.create({
    serialNumber: '02',
    issuer: certificate.subject,
    signingAlgorithm: ES256,
    ...validity,
    subject: `C=SE, O=${name}, OU=Authenticator Attestation, CN=${name} model`,
    publicKey: leaf.publicKey,
    signingKey: root.privateKey,
    extensions: [new BasicConstraintsExtension(false, undefined, true)],
  });
  const der = ({ rawData }: X509Certificate) => new Uint8Array(rawData);
  return { pem: certificate.toString('pem'), key: KeyObject.from(leaf.privateKey), x5c: [der(signed)] };
}

describe('with an allow list of models', () => {
  test('a key is added only if its manufacturer’s certificate attests its model', async (t) => {
    const [known, unknown] = [await maker('Harbour'), await maker('Pirate')];
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const rootsFile = join(folder, 'roots.pem');
    writeFileSync(rootsFile, `${known.pem}\n`);
    const server = await startServer(t, 'sqlite', {
      config: {
        passkeys: {
          counter: 'block',
          aaguids: [AAGUID],
          rootCertificates: readRootCertificates(rootsFile),
          relatedOrigins: [],
          names: new Map(),
        },
      },
    });
    let count = 0;
    const signUp = async (model?: Tweaks['model'], format?: string) => {
      const { code } = await invite(server);
      const { browser, page } = await open(server, code);
      count += 1;
      const place = { ...(await placeOf(page)), fields: { username: `p${count}` } };
      return (await register(browser, place, new Authenticator(server.issuer), { model, format })).status;
    };
    const reasons = () =>
      server.database
        .knex('T_auth_audit_log')
        .where({ action: 'passkey.refused' })
        .orderBy('id')
        .pluck('error_code');

    assert.equal(await signUp({ ...known, aaguid: bytesOf(AAGUID) }), 200);
    assert.equal(await signUp({ ...unknown, aaguid: bytesOf(AAGUID) }), 401, 'it only claims the model');
    assert.equal(
      await signUp({ ...known, key: unknown.key, aaguid: bytesOf(AAGUID) }),
      401,
      'of another key',
    );
    assert.equal(
      await signUp({ ...known, aaguid: bytesOf(AAGUID.replace('2f', '3f')) }),
      401,
      'another model',
    );
    assert.equal(await signUp(), 401, 'no attestation');
    const none = [null, false, 0, '', []];
    for (const x5c of none)
      assert.equal(await signUp({ aaguid: bytesOf(AAGUID), x5c }), 401, `signed by itself, x5c ${x5c}`);
    // Formats that do not bind the model to the certificate.
    for (const format of ['fido-u2f', 'tpm', 'android-key', 'apple'])
      assert.equal(await signUp({ ...known, aaguid: bytesOf(AAGUID) }, format), 401, format);
    const model = (times: number) => Array<string>(times).fill('authenticator_model');
    const format = Array<string>(3).fill('attestation_format');
    assert.deepEqual(await reasons(), [
      'registration',
      'attestation',
      ...model(2 + none.length + 1),
      ...format,
    ]);
  });
});

test('a format whose verification would request addresses from the answer is refused first', async (t) => {
  const server = await startServer(t, 'sqlite');
  const { code } = await invite(server);
  const { browser, page } = await open(server, code);
  const place = { ...(await placeOf(page)), fields: { username: 'mei' } };
  const model = { ...(await maker('Pirate')), aaguid: Buffer.alloc(16) };
  const formats = ['android-key', 'android-safetynet', 'apple', 'tpm', 'compound', ''];
  for (const format of formats)
    await register(browser, place, new Authenticator(server.issuer), { model, format });
  const audit = server.database.knex('T_auth_audit_log').where({ action: 'passkey.refused' });
  assert.deepEqual(await audit.pluck('error_code'), Array(formats.length).fill('attestation_format'));
});
