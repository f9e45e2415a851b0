import { hash, randomBytes, randomUUID } from 'node:crypto';

/**
 * A UUID version 7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then random bits. New rows are therefore added
 * at the end of the primary key's index. The random bits are those of a version 4, which Node generates in advance.
 */
export function uuidv7(now: number = Date.now()): string {
  const time = now.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

/** SHA-256 as base64url, 43 characters: the form in which every bearer value of high entropy is stored. */
export function digest(value: string): string {
  return hash('sha256', value, 'base64url');
}

/** A bearer value of 256 random bits, base64url. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}
