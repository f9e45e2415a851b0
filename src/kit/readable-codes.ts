import { randomBytes } from 'node:crypto';

/** Crockford's base32, which has no I, L, O or U, because people misread these. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * @param random returns the requested number of unpredictable bytes
 * @returns a code of `length` characters in groups of five. Each character has five random bits
 */
export function makeReadableCode(length: number, random: (bytes: number) => Buffer = randomBytes): string {
  // 256 is a multiple of 32, so every character is equally likely.
  const characters = [...random(length)].map((byte) => ALPHABET[byte % 32]).join('');
  return characters.replace(/.{5}(?=.)/g, '$&-');
}

/**
 * Reads a code as a person typed it. Case, dashes and spaces do not matter, O counts as 0, and I and L count as 1.
 * @returns undefined for a text that cannot be a code of that length
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
