import { randomBytes } from 'node:crypto';
import { digest } from '../../kit/ids.ts';

/** Crockford's base32: without I, L, O and U, which are misread. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const LENGTH = 30;
const CODE = new RegExp(`^[${ALPHABET}]{${LENGTH}}$`);

/** An invitation code of 150 random bits: thirty characters in groups of five. */
export function makeCode(): string {
  // 256 is a multiple of 32: no character is likelier than another.
  const characters = [...randomBytes(LENGTH)].map((byte) => ALPHABET[byte % 32]).join('');
  return characters.replace(/.{5}(?=.)/g, '$&-');
}

/**
 * How a code rests and is looked for. Case, dashes, spaces, and O for 0, I or L for 1 do not matter.
 * @returns undefined for what cannot be a code
 */
export function codeHash(typed: string): string | undefined {
  const code = typed
    .slice(0, 200)
    .normalize('NFKC')
    .toUpperCase()
    .replace(/[\s\p{Pd}]/gu, '')
    .replace(/O/g, '0')
    .replace(/[IL]/g, '1');
  return CODE.test(code) ? digest(code) : undefined;
}
