import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';

interface RingKey {
  dpopNonce: Buffer;
  id: string;
  /** Key objects, because a key in bytes is imported again for each use. */
  seal: KeyObject;
  cookie: string;
  csrf: KeyObject;
  pepper: Buffer;
}

/** Where a sealed value is stored. It is authenticated with the value, so a ciphertext moved elsewhere does not open. */
interface SealedAt {
  table: string;
  column: string;
  id: string;
}

export interface Secrets {
  /** @returns `v1.<key id>.<iv>.<ciphertext>.<tag>`, AES-256-GCM under the first key of the ring. */
  seal(plain: string | Uint8Array, at: SealedAt): string;
  /** @throws Error when the key is not in the ring, the value was changed, or it belongs to another place. */
  open(sealed: string, at: SealedAt): string;
  /** Opens what was sealed as bytes. */
  openBytes(sealed: string, at: SealedAt): Buffer;
  /** Whether the key of a sealed value is in the ring. */
  hasKeyOf(sealed: string): boolean;
  /** Whether a sealed value is sealed with the first key of the ring. */
  isNewest(sealed: string): boolean;
  /** Signing keys for cookies, newest first (Keygrip order). */
  cookieKeys: string[];
  /** HMAC-SHA-256 over `value` for form tokens, base64url. */
  csrfToken(value: string): string;
  csrfMatches(value: string, token: string): boolean;
  /** The key of the nonces of DPoP proofs (RFC 9449 section 8), which all servers accept. */
  dpopNonceKey: Buffer;
  /** The newest pepper's id, and any pepper by its id. */
  pepperId: string;
  pepper(id: string): Buffer | undefined;
}

function derive(secret: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, 'latchkey', purpose, 32));
}

function ringKey(secret: string): RingKey {
  return {
    id: hash('sha256', derive(secret, 'key id'), 'hex').slice(0, 8),
    seal: createSecretKey(derive(secret, 'seal')),
    cookie: derive(secret, 'cookie').toString('base64url'),
    csrf: createSecretKey(derive(secret, 'csrf')),
    pepper: derive(secret, 'pepper'),
    dpopNonce: derive(secret, 'dpop nonce'),
  };
}

const place = ({ table, column, id }: SealedAt) => Buffer.from(`${table}|${column}|${id}`);

/**
 * Encryption, signatures and peppers, each with its own key, derived from the key ring (HKDF, RFC 5869).
 * @param ring the values of LATCHKEY_SECRETS: the first one encrypts and signs, all of them decrypt and verify
 */
export function createSecrets(ring: string[]): Secrets {
  const keys = ring.map(ringKey);
  const first = keys[0];
  if (!first) throw new Error('The key ring is empty.');
  const byId = new Map(keys.map((key) => [key.id, key]));
  const csrf = (key: RingKey, value: string) => createHmac('sha256', key.csrf).update(value).digest();

  function openBytes(sealed: string, at: SealedAt): Buffer {
    const [version, id, iv, text, tag] = sealed.split('.');
    const key = byId.get(id ?? '');
    if (version !== 'v1' || !iv || text === undefined || !tag) throw new Error('This is not a sealed value.');
    if (!key) throw new Error(`It was sealed with the key ${id}, which is not in LATCHKEY_SECRETS.`);
    const decipher = createDecipheriv('aes-256-gcm', key.seal, Buffer.from(iv, 'base64url'), {
      authTagLength: 16,
    })
      .setAAD(place(at))
      .setAuthTag(Buffer.from(tag, 'base64url'));
    return Buffer.concat([decipher.update(Buffer.from(text, 'base64url')), decipher.final()]);
  }

  return {
    seal(plain, at) {
      const iv = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', first.seal, iv).setAAD(place(at));
      const text = Buffer.concat([
        typeof plain === 'string' ? cipher.update(plain, 'utf8') : cipher.update(plain),
        cipher.final(),
      ]);
      return [
        'v1',
        first.id,
        ...[iv, text, cipher.getAuthTag()].map((part) => part.toString('base64url')),
      ].join('.');
    },
    open: (sealed, at) => openBytes(sealed, at).toString('utf8'),
    openBytes,
    hasKeyOf: (sealed) => byId.has(sealed.split('.')[1] ?? ''),
    isNewest: (sealed) => sealed.startsWith(`v1.${first.id}.`),
    cookieKeys: keys.map((key) => key.cookie),
    csrfToken: (value) => csrf(first, value).toString('base64url'),
    csrfMatches(value, token) {
      const sent = Buffer.from(token, 'base64url');
      return sent.length === 32 && keys.some((key) => timingSafeEqual(csrf(key, value), sent));
    },
    dpopNonceKey: first.dpopNonce,
    pepperId: first.id,
    pepper: (id) => byId.get(id)?.pepper,
  };
}
