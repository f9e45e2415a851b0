import { createRequire } from 'node:module';
import type { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { MAX_PASSWORD_LENGTH } from '../fields.ts';

/** NFKC shortens text a little, when it composes letters and accents. Longer text is rejected without normalising it. */
const MAX_RAW_LENGTH = 4 * MAX_PASSWORD_LENGTH;

/** The least score, on zxcvbn's scale of 0 to 4. From 3 on, an attacker needs more than 10^8 guesses. */
const MIN_SCORE = 3;
/** Judging takes time that grows with the square of the length, and a longer password is never weaker. */
const MAX_JUDGED_LENGTH = 64;
/** How many characters must remain when everything that is known about the owner is removed. */
const MIN_OWN_CHARACTERS = 8;

export interface PasswordOwner {
  username: string;
  email: string | null;
  name: string | null;
}

export interface PasswordRules {
  /** @returns why this password may not be set, in sentences for the user; undefined when it may be set */
  fault(password: string, owner: PasswordOwner): string | undefined;
}

/** The length in code points of the normal form, which is also what is hashed. */
function lengthOf(password: string): number {
  return [...password.normalize('NFKC')].length;
}

/** Whether the password is too long to be anybody's. Sign-in then rejects it without normalising and hashing it. */
export function isTooLong(password: string): boolean {
  return password.length > MAX_RAW_LENGTH || lengthOf(password) > MAX_PASSWORD_LENGTH;
}

const require = createRequire(import.meta.url);
let loaded: ZxcvbnFactory | undefined;

/**
 * Loads the dictionaries when a password is first set, because they take 50 MB of memory. That blocks the process once,
 * for about 0.3 s. Sign-in does not judge passwords, so its time does not depend on this.
 */
function loadZxcvbn(): ZxcvbnFactory {
  if (loaded) return loaded;
  const { ZxcvbnFactory: Factory } = require('@zxcvbn-ts/core') as typeof import('@zxcvbn-ts/core');
  const common = require('@zxcvbn-ts/language-common') as typeof import('@zxcvbn-ts/language-common');
  const english = require('@zxcvbn-ts/language-en') as typeof import('@zxcvbn-ts/language-en');
  loaded = new Factory({
    dictionary: { ...common.dictionary, ...english.dictionary },
    graphs: common.adjacencyGraphs,
    translations: english.translations,
    maxLength: MAX_JUDGED_LENGTH,
    // "4@8({[<369#!1|0$5+7%2", again and again, has as many readings as this allows. With ten, no input is known that
    // takes more than 0.2 s of CPU, and this one took 0.05 to 0.18 s.
    l33tMaxSubstitutions: 10,
  });
  return loaded;
}

/** The words that others know about the owner, longest first. */
function knownWords({ username, email, name }: PasswordOwner): string[] {
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

const LIKE_OWNER = 'This is too much like your username, name or e-mail address. Choose another password.';

const isLikeOwner = (password: string, known: string[]) =>
  [...known.reduce((rest, word) => rest.replaceAll(word, ''), password.toLowerCase())].length <
  MIN_OWN_CHARACTERS;

/**
 * A password must be long enough, and must not be among the first that an attacker tries (NIST SP 800-63B section
 * 3.1.1.2). There is no rule about which characters it contains.
 * @param options `minimum`: the shortest password in characters, LATCHKEY_PASSWORD_MIN_LENGTH (`config/settings.ts`)
 */
export function createPasswordRules({ minimum }: { minimum: number }): PasswordRules {
  return {
    fault(typed, owner) {
      if (isTooLong(typed))
        return `Use at most ${MAX_PASSWORD_LENGTH} characters. Yours has ${lengthOf(typed)}.`;
      const password = typed.normalize('NFKC');
      const length = lengthOf(password);
      if (length < minimum) return `Use at least ${minimum} characters. Yours has ${length}.`;
      const known = knownWords(owner);
      if (isLikeOwner(password, known)) return LIKE_OWNER;
      const { score, feedback, sequence } = loadZxcvbn().check(password.slice(0, MAX_JUDGED_LENGTH), known);
      if (score >= MIN_SCORE) return undefined;
      if (sequence.some(({ dictionaryName }) => dictionaryName === 'userInputs')) return LIKE_OWNER;
      const reason = feedback.warning ?? 'This is easy to guess.';
      return `${reason} Choose another password: four unrelated words work well.`;
    },
  };
}
