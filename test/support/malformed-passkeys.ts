import { generateKeyPairSync } from 'node:crypto';
import { type Authenticator, coseOf } from './authenticator.ts';

const bytes = (length: number, value = 0) => new Uint8Array(length).fill(value);
const ec = (x: Uint8Array, y: Uint8Array) =>
  new Map<number, unknown>([
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, x],
    [-3, y],
  ]);
const okp = (x: Uint8Array) =>
  new Map<number, unknown>([
    [1, 1],
    [3, -8],
    [-1, 6],
    [-2, x],
  ]);
const with1 = (map: Map<number, unknown>, key: number, value: unknown) => new Map(map).set(key, value);

const good = coseOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
const rsa = (bits: number, exponent = 65_537) =>
  coseOf(generateKeyPairSync('rsa', { modulusLength: bits, publicExponent: exponent }).privateKey);
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({ format: 'jwk' });

/** Public keys that are malformed, or for which others can sign. */
export const BAD_KEYS: Record<string, Map<number, unknown>> = {
  'all zero': ec(bytes(32), bytes(32)),
  'off its curve': ec(bytes(32, 1), bytes(32, 2)),
  'of another curve than it says': ec(
    new Uint8Array(Buffer.from(String(p384.x), 'base64url')),
    new Uint8Array(Buffer.from(String(p384.y), 'base64url')),
  ),
  'an algorithm that was not offered': with1(good, 3, -35),
  'SHA-1': with1(rsa(2048), 3, -65_535),
  'an algorithm of another kind of key': with1(good, 3, -8),
  'RSA of 1024 bits': rsa(1024),
  'RSA of 16384 bits': with1(rsa(2048), -1, bytes(2048, 255)),
  'RSA with the exponent 3': rsa(2048, 3),
  'Ed25519 all zero': okp(bytes(32)),
  'Ed25519 of small order': okp(new Uint8Array(Buffer.from(`01${'00'.repeat(31)}`, 'hex'))),
  'Ed25519 of small order, the other sign': okp(new Uint8Array(Buffer.from(`ec${'ff'.repeat(31)}`, 'hex'))),
  'Ed25519 too short': okp(bytes(31, 7)),
};

const nested = (levels: number) => Buffer.concat([Buffer.alloc(levels, 0x81), Buffer.from([0])]);
/** Malformed attestation objects. */
export const BAD_OBJECTS: Record<string, (object: Buffer) => Buffer> = {
  'nested deep': () => nested(12_000),
  'bytes after the end': (object) => Buffer.concat([object, Buffer.from([0])]),
  'a second object after it': (object) => Buffer.concat([object, object]),
  'a name twice': (object) =>
    Buffer.concat([Buffer.from([0xa4]), object.subarray(1), Buffer.from('63666d74646e6f6e65', 'hex')]),
  'cut off': (object) => object.subarray(0, 60),
  'a length beyond the end': () => Buffer.from('5affffffff00', 'hex'),
  'no map': () => Buffer.from('80', 'hex'),
  empty: () => Buffer.alloc(0),
};

/** Malformed request bodies. */
export const BAD_BODIES = (place: object, answer: ReturnType<Authenticator['create']>) => [
  {
    ...place,
    response: { ...answer, response: { ...answer.response, attestationObject: 'A'.repeat(5_000_000) } },
  },
  { ...place, response: { ...answer, response: null } },
  { ...place, response: [] },
  { ...place, response: 'x' },
  { ...place, response: undefined },
  `{"csrf":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
  '{"csrf":"x"',
  '[]',
  'null',
  '',
];
