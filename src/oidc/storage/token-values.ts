import type { Provider } from 'oidc-provider';
import { digest } from '../../kit/ids.ts';
import { replaceTokenIds } from '../engine/internals.ts';

/** The letter that a code or token begins with. */
const LETTERS = {
  AuthorizationCode: 'c',
  AccessToken: 'a',
  ClientCredentials: 'a',
  RefreshToken: 'r',
} as const;

const TIME_LENGTH = 8;
const RANDOM_LENGTH = 43;
/** A value that we made. Any other is only hashed, so none of its characters reach the database. */
const OWN_VALUE = new RegExp(`^[acr][0-9a-z]{${TIME_LENGTH}}[\\w-]{${RANDOM_LENGTH}}$`);

/**
 * Makes each code and token begin with its letter and the milliseconds since 1970 in base 36 (which sort as text
 * until 2059), followed by the engine's own 256 random bits. Rows that are issued together are then stored together.
 */
export function mintOrderedValues(provider: Provider): void {
  for (const [model, letter] of Object.entries(LETTERS)) {
    replaceTokenIds(
      provider,
      model as keyof typeof LETTERS,
      (random) => letter + Date.now().toString(36).padStart(TIME_LENGTH, '0') + random,
    );
  }
}

/** Whether the value's letter names another kind of token, so that the database need not be asked. */
export function isOfOtherKind(model: string, value: string): boolean {
  const letter = (LETTERS as Record<string, string>)[model];
  return letter !== undefined && !value.startsWith(letter) && OWN_VALUE.test(value);
}

/**
 * The key under which a presented value is stored: its digest, of which the first 48 bits are replaced by the time
 * in the value. Tokens that are issued together are then neighbors in the index. With random keys, each token would
 * change another page of the index, and a large database would have to read that page first.
 */
export function hashTokenValue(value: string): string {
  const hashed = digest(value);
  return OWN_VALUE.test(value) ? value.slice(1, 1 + TIME_LENGTH) + hashed.slice(TIME_LENGTH) : hashed;
}
