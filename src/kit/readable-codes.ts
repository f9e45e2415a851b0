import { randomBytes } from 'node:crypto';

/** Crockford's base32: without I, L, O and U, which are misread. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** A code of `length` characters, five random bits each, in groups of five. */
export function makeReadableCode(length: number): string {
  // 256 is a multiple of 32: no character is likelier than another.
  const characters = [...randomBytes(length)].map((byte) => ALPHABET[byte % 32]).join('');
  return characters.replace(/.{5}(?=.)/g, '$&-');
}

/**
 * A code as it was typed: case, dashes, spaces, and O for 0, I or L for 1 do not matter.
 * @returns undefined for what cannot be a code of that length
 */
export function readReadableCode(typed: string, length: number): string | undefined {
  const code = typed
    .slice(0, 200)
    .normalize('NFKC')
    .toUpperCase()
    .replace(/[\s\p{Pd}]/gu, '')
    .replace(/O/g, '0')
    .replace(/[IL]/g, '1');
  return code.length === length && [...code].every((one) => ALPHABET.includes(one)) ? code : undefined;
}
