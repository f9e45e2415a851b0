import { hash, randomBytes } from 'node:crypto';

/**
 * A UUID version 7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then random bits, so that
 * new rows stay at the right edge of the primary key's index.
 */
export function uuidv7(now: number = Date.now()): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(now, 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** SHA-256 as base64url, 43 characters: how every bearer value of high entropy rests. */
export function digest(value: string): string {
  return hash('sha256', value, 'base64url');
}

/** A bearer value of 256 random bits, base64url. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}
