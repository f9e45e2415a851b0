import { digest } from '../../kit/ids.ts';
import { makeReadableCode, readReadableCode } from '../../kit/readable-codes.ts';

/** Characters, of five random bits each: 150 bits in all. */
const CODE_LENGTH = 30;

/** The digest under which a code is stored. @returns undefined for text that cannot be a code */
export function codeHash(typed: string): string | undefined {
  const code = readReadableCode(typed, CODE_LENGTH);
  return code && digest(code);
}

export interface HashedCode {
  code: string;
  hash: string;
}

/** A code, thirty characters in groups of five, and its digest. @param random as for `makeReadableCode` */
export function hashedCode(random?: (bytes: number) => Buffer): HashedCode {
  const code = makeReadableCode(CODE_LENGTH, random);
  return { code, hash: codeHash(code) as string };
}

/** The link that shows an invitation. */
export const invitationUrl = (issuer: string, code: string) => `${issuer}/invitation?code=${code}`;
