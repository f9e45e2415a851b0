import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { isoCBOR } from '@simplewebauthn/server/helpers';

type Cbor = Parameters<typeof isoCBOR.encode>[0];

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest();
const b64 = (data: Uint8Array) => Buffer.from(data).toString('base64url');

/** The ways in which a test makes an answer wrong. */
export interface Tweaks {
  origin?: string;
  type?: string;
  challenge?: string;
  crossOrigin?: boolean;
  topOrigin?: string;
  rpId?: string;
  up?: boolean;
  uv?: boolean;
  be?: boolean;
  bs?: boolean;
  counter?: number;
  userHandle?: string | null;
  id?: Buffer;
  /** The COSE key that is sent instead of its own. */
  publicKey?: Map<number, unknown>;
  /** Changes the signed data after it was signed. */
  authData?(bytes: Buffer): Buffer;
  attestation?(object: Buffer): Buffer;
  transports?: string[];
  /** The model that it claims, and the certificates that attest it (leaf first). */
  model?: { aaguid: Buffer; key?: KeyObject; x5c: unknown };
  format?: string;
}

export interface Options {
  challenge: string;
  rp?: { id: string };
  rpId?: string;
  user?: { id: string };
  allowCredentials?: { id: string }[];
  excludeCredentials?: { id: string }[];
}

const ALGORITHMS = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  EdDSA: () => generateKeyPairSync('ed25519').privateKey,
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
};

/** A public key as COSE_Key (RFC 9052 section 7). */
export function coseOf(key: KeyObject): Map<number, unknown> {
  const { kty, x = '', y = '', n = '', e = '' } = key.export({ format: 'jwk' }) as Record<string, string>;
  const bytes = (value: string) => new Uint8Array(Buffer.from(value, 'base64url'));
  const entries: [number, unknown][] =
    kty === 'EC'
      ? [
          [1, 2],
          [3, -7],
          [-1, 1],
          [-2, bytes(x)],
          [-3, bytes(y)],
        ]
      : kty === 'OKP'
        ? [
            [1, 1],
            [3, -8],
            [-1, 6],
            [-2, bytes(x)],
          ]
        : [
            [1, 3],
            [3, -257],
            [-1, bytes(n)],
            [-2, bytes(e)],
          ];
  return new Map(entries);
}

/** A passkey in software. It answers as a browser with an authenticator does, or as an attacker would. */
export class Authenticator {
  id = randomBytes(32);
  key: KeyObject;
  counter = 0;
  /** The signature counter; 0 if it does not count, like synced passkeys. */
  step = 1;
  backup = { be: false, bs: false };
  userHandle = '';
  readonly origin: string;

  constructor(origin: string, algorithm: keyof typeof ALGORITHMS = 'ES256') {
    this.origin = origin;
    this.key = ALGORITHMS[algorithm]();
  }

  /** A copy: another device with the same private key. */
  clone(): Authenticator {
    const copy = Object.assign(new Authenticator(this.origin), this);
    copy.key = createPrivateKey(this.key.export({ type: 'pkcs8', format: 'pem' }));
    return copy;
  }

  #clientData(type: string, options: Options, tweaks: Tweaks): Buffer {
    const { origin = this.origin, challenge = options.challenge, topOrigin } = tweaks;
    const data = { type: tweaks.type ?? type, challenge, origin, crossOrigin: tweaks.crossOrigin ?? false };
    return Buffer.from(JSON.stringify(topOrigin === undefined ? data : { ...data, topOrigin }));
  }

  #authData(rpId: string, tweaks: Tweaks, attested?: Buffer): Buffer {
    const { up = true, uv = true, be = this.backup.be, bs = this.backup.bs } = tweaks;
    const flags = +up | (+uv << 2) | (+be << 3) | (+bs << 4) | (attested ? 64 : 0);
    const counter = Buffer.alloc(4);
    this.counter = tweaks.counter ?? this.counter + this.step;
    counter.writeUInt32BE(this.counter);
    return Buffer.concat([
      sha256(tweaks.rpId ?? rpId),
      Buffer.from([flags]),
      counter,
      attested ?? Buffer.alloc(0),
    ]);
  }

  /** The answer of navigator.credentials.create() as JSON. */
  create(options: Options, tweaks: Tweaks = {}) {
    this.userHandle = options.user?.id ?? '';
    const id = tweaks.id ?? this.id;
    const length = Buffer.alloc(2);
    length.writeUInt16BE(id.length);
    const cose = isoCBOR.encode((tweaks.publicKey ?? coseOf(this.key)) as Cbor);
    const { model } = tweaks;
    const attested = Buffer.concat([model?.aaguid ?? Buffer.alloc(16), length, id, cose]);
    const authData = this.#authData(options.rp?.id ?? '', tweaks, attested);
    const clientData = this.#clientData('webauthn.create', options, tweaks);
    const statement = new Map<string, unknown>();
    if (model) {
      const signature = sign('sha256', Buffer.concat([authData, sha256(clientData)]), model.key ?? this.key);
      statement.set('alg', -7).set('sig', new Uint8Array(signature)).set('x5c', model.x5c);
    }
    const object = new Map<string, unknown>([
      ['fmt', tweaks.format ?? (model ? 'packed' : 'none')],
      ['attStmt', statement],
      ['authData', new Uint8Array(authData)],
    ]);
    const encoded = Buffer.from(isoCBOR.encode(object as Cbor));
    return {
      id: b64(id),
      rawId: b64(id),
      type: 'public-key',
      clientExtensionResults: {},
      response: {
        clientDataJSON: b64(clientData),
        attestationObject: b64(tweaks.attestation?.(encoded) ?? encoded),
        transports: tweaks.transports ?? ['internal'],
      },
    };
  }

  /** The answer of navigator.credentials.get() as JSON. */
  get(options: Options, tweaks: Tweaks = {}) {
    const clientData = this.#clientData('webauthn.get', options, tweaks);
    const authData = this.#authData(options.rpId ?? '', tweaks);
    const hash = this.key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
    const signature = sign(hash, Buffer.concat([authData, sha256(clientData)]), this.key);
    const { userHandle = this.userHandle } = tweaks;
    const id = tweaks.id ?? this.id;
    return {
      id: b64(id),
      rawId: b64(id),
      type: 'public-key',
      clientExtensionResults: {},
      response: {
        clientDataJSON: b64(clientData),
        authenticatorData: b64(tweaks.authData?.(authData) ?? authData),
        signature: b64(signature),
        ...(userHandle === null ? {} : { userHandle }),
      },
    };
  }
}
