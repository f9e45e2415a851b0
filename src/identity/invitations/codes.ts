import { digest } from '../../kit/ids.ts';
import { makeReadableCode, readReadableCode } from '../../kit/readable-codes.ts';

const LENGTH = 30;

/** An invitation code of 150 random bits: thirty characters in groups of five. */
export const makeCode = () => makeReadableCode(LENGTH);

/** How a code rests and is looked for. @returns undefined for what cannot be a code */
export function codeHash(typed: string): string | undefined {
  const code = readReadableCode(typed, LENGTH);
  return code && digest(code);
}
