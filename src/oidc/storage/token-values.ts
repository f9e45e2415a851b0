import type { Provider } from 'oidc-provider';
import { digest } from '../../kit/ids.ts';

/** What a value begins with. */
const KINDS: Record<string, string> = {
  AuthorizationCode: 'c',
  AccessToken: 'a',
  ClientCredentials: 'a',
  RefreshToken: 'r',
};

const TIME = 8;
const RANDOM = 43;
/** What a stranger made up otherwise is only a value to be hashed: no other characters reach the database. */
const MINTED = new RegExp(`^[acr][0-9a-z]{${TIME}}[\\w-]{${RANDOM}}$`);

interface Minted {
  prototype: { generateTokenId(): string };
}

/**
 * Codes and tokens are the letter of their kind, the milliseconds since 1970 in base 36, which sort as text until 2059,
 * and the engine's own 256 random bits. So what is issued together rests together.
 */
export function mintInOrder(provider: Provider): void {
  for (const [name, letter] of Object.entries(KINDS)) {
    const { prototype } = provider[name as 'AccessToken'] as unknown as Minted;
    const random = prototype.generateTokenId;
    prototype.generateTokenId = function () {
      return letter + Date.now().toString(36).padStart(TIME, '0') + random.call(this);
    };
  }
}

/** @returns whether the value says of itself that it is of another kind, so that the database need not be asked */
export function isOfAnother(model: string, value: string): boolean {
  const letter = KINDS[model];
  return letter !== undefined && !value.startsWith(letter) && MINTED.test(value);
}

/**
 * The key that a presented value rests under: its digest, the first 48 bits of which give way to the time that the
 * value tells. With a random place in the index for each token a commit would write as many pages more, and a
 * large database would have to read them first.
 */
export function keyOf(value: string): string {
  const hashed = digest(value);
  return MINTED.test(value) ? value.slice(1, 1 + TIME) + hashed.slice(TIME) : hashed;
}
