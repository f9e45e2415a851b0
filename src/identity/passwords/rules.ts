import { createRequire } from 'node:module';
import type { ZxcvbnFactory } from '@zxcvbn-ts/core';

/** NIST SP 800-63B section 3.1.1.2: at least 64 must be accepted. */
export const LONGEST = 256;
/** The longest form field that may still come down to LONGEST when it is normalised. */
const LONGEST_RAW = 1024;

/** zxcvbn's own scale of 0 to 4; from 3 on it takes more than 10^8 guesses. */
const STRONG_ENOUGH = 3;
/** What follows cannot make a strong password weak; and the time that it takes to judge grows with the square. */
const JUDGED = 64;
/** How many code points must be left when all that is known of the person is taken out. */
const OF_ONES_OWN = 8;

export interface PasswordOwner {
  username: string;
  email: string | null;
  name: string | null;
}

export interface PasswordRules {
  minimum: number;
  /** @returns why this password may not be set, in a sentence for the person; undefined when it may */
  fault(password: string, owner: PasswordOwner): string | undefined;
}

/** Counted as a person counts: code points of the normal form, which is also what is hashed. */
function lengthOf(password: string): number {
  return [...password.normalize('NFKC')].length;
}

/** Whether it could be anybody's password: what is longer is not hashed, and not normalised either. */
export function isTooLong(password: string): boolean {
  return password.length > LONGEST_RAW || lengthOf(password) > LONGEST;
}

const require = createRequire(import.meta.url);
let loaded: ZxcvbnFactory | undefined;

/**
 * The dictionaries take half a second, in which this process does nothing else, and some fifty megabytes: the server
 * loads them before it listens, the command with the first password that is set.
 */
export function zxcvbn(): ZxcvbnFactory {
  if (loaded) return loaded;
  const { ZxcvbnFactory: Factory } = require('@zxcvbn-ts/core') as typeof import('@zxcvbn-ts/core');
  const common = require('@zxcvbn-ts/language-common') as typeof import('@zxcvbn-ts/language-common');
  const english = require('@zxcvbn-ts/language-en') as typeof import('@zxcvbn-ts/language-en');
  loaded = new Factory({
    dictionary: { ...common.dictionary, ...english.dictionary },
    graphs: common.adjacencyGraphs,
    translations: english.translations,
    maxLength: JUDGED,
    // Of "4@8({[<" there are as many readings as are allowed: ten keep the worst input below a tenth of a second.
    l33tMaxSubstitutions: 10,
  });
  return loaded;
}

/** What others know of the person, longest first. */
function knownOf({ username, email, name }: PasswordOwner): string[] {
  const [local = '', domain = ''] = email?.split('@') ?? [];
  const words = [
    username,
    email ?? '',
    local,
    domain,
    name ?? '',
    ...(name?.split(/\s+/) ?? []),
    domain.split('.')[0] ?? '',
  ];
  const known = words
    .map((word) => word.normalize('NFKC').toLowerCase())
    .filter((word) => [...word].length >= 3);
  return [...new Set(known)].toSorted((a, b) => b.length - a.length);
}

const LIKE_OWNER = 'This is too much like your username, name or e-mail address. Choose another one.';

const isLike = (password: string, known: string[]) =>
  [...known.reduce((left, word) => left.replaceAll(word, ''), password.toLowerCase())].length < OF_ONES_OWN;

/**
 * What a password must be to be set: long enough, and none that is tried first (NIST SP 800-63B section 3.1.1.2).
 * No rule of what characters it is made of.
 * @param options `minimum` in code points
 */
export function createPasswordRules({ minimum }: { minimum: number }): PasswordRules {
  return {
    minimum,
    fault(given, owner) {
      if (isTooLong(given)) return `Use at most ${LONGEST} characters.`;
      const password = given.normalize('NFKC');
      if (lengthOf(password) < minimum) return `Use at least ${minimum} characters.`;
      const known = knownOf(owner);
      if (isLike(password, known)) return LIKE_OWNER;
      const { score, feedback, sequence } = zxcvbn().check(password.slice(0, JUDGED), known);
      if (score >= STRONG_ENOUGH) return undefined;
      if (sequence.some(({ dictionaryName }) => dictionaryName === 'userInputs')) return LIKE_OWNER;
      const why = feedback.warning ?? 'This is easy to guess.';
      return `${why} Choose another one: four unrelated words work well.`;
    },
  };
}
