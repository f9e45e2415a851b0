/** Characters that every script uses, such as digits. A mark that only some scripts use has these in its extensions. */
const SHARED = String.raw`\p{Script_Extensions=Common}\p{Script_Extensions=Inherited}`;

/** The scripts in everyday use (Unicode Standard Annex 31, table 5), apart from those of EAST_ASIAN. */
const SCRIPTS = [
  'Arabic',
  'Armenian',
  'Bengali',
  'Cyrillic',
  'Devanagari',
  'Ethiopic',
  'Georgian',
  'Greek',
  'Gujarati',
  'Gurmukhi',
  'Hebrew',
  'Kannada',
  'Khmer',
  'Lao',
  'Latin',
  'Malayalam',
  'Myanmar',
  'Oriya',
  'Sinhala',
  'Tamil',
  'Telugu',
  'Thaana',
  'Thai',
  'Tibetan',
];

/** Japanese, Chinese and Korean are each written in several scripts, and beside Latin letters. */
const EAST_ASIAN = [
  ['Latin', 'Han', 'Hiragana', 'Katakana'],
  ['Latin', 'Han', 'Bopomofo'],
  ['Latin', 'Han', 'Hangul'],
];

const ALLOWED = [...SCRIPTS.map((script) => [script]), ...EAST_ASIAN].map((scripts) => {
  const letters = scripts.map((script) => String.raw`\p{Script_Extensions=${script}}`).join('');
  return new RegExp(`^[${SHARED}${letters}]*$`, 'u');
});

/**
 * Whether a name mixes scripts whose letters look alike, such as a Cyrillic "а" among Latin letters. Allows what the
 * level "Highly Restrictive" of Unicode Technical Standard 39 section 5.2 allows.
 */
export const mixesScripts = (name: string): boolean => !ALLOWED.some((pattern) => pattern.test(name));

/** A dot over a letter that has one, a mark twice, a mark without a letter, and more marks than any language needs. */
const STRAY_MARKS = /\p{Soft_Dotted}\p{M}*\u0307|(\p{Mn})\1|^\p{M}|\p{Mn}{5}/u;

/** Whether a name has marks that hardly show, such as a second dot on an "i" (Unicode Technical Standard 39 section 5.4). */
export const hasStrayMarks = (name: string): boolean => STRAY_MARKS.test(name.normalize('NFD'));
