import { digest } from '../../kit/ids.ts';
import { makeReadableCode, readReadableCode } from '../../kit/readable-codes.ts';

/** Characters, of five random bits each: 150 bits in all. */
const LENGTH = 30;

/** @returns a new invitation code: thirty characters in groups of five */
const makeCode = () => makeReadableCode(LENGTH);

/** The digest under which a code is stored. @returns undefined for text that cannot be a code */
export function codeHash(typed: string): string | undefined {
  const code = readReadableCode(typed, LENGTH);
  return code && digest(code);
}

/** A new code and its digest. */
export function makeHashedCode(): { code: string; hash: string } {
  const code = makeCode();
  return { code, hash: codeHash(code) as string };
}

/** The link that shows an invitation. */
export const invitationUrl = (issuer: string, code: string) => `${issuer}/invitation?code=${code}`;
