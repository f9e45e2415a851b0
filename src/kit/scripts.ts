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

/**
 * Latin letters of phonetic transcription and of abandoned spellings, which look like others: "ɡ" like "g", "ɑ" like "a",
 * "ǀ" like "l". Unicode Technical Standard 39 section 3.1 restricts them as technical or obsolete. Those in the first class
 * belong to languages of Africa.
 */
const TECHNICAL_LATIN =
  /(?![\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u0272\u0289-\u028b\u0292])[\u0185\u01a8\u01bd\u01c0-\u01c3\u0223\u0250-\u02ff\u1d00-\u1dbf\u2c60-\u2c7f\ua720-\ua7ff\uab30-\uab6f]/u;

/** Whether a name has Latin letters that no language in everyday use has. */
export const hasTechnicalLatin = (name: string): boolean => TECHNICAL_LATIN.test(name);

/** A dot over a letter that has one, a mark twice, a mark without a letter, and more marks than any language needs. */
const STRAY_MARKS = /\p{Soft_Dotted}\p{M}*\u0307|(\p{Mn})\1|^\p{M}|\p{Mn}{5}/u;

/** Whether a name has marks that hardly show, such as a second dot on an "i" (Unicode Technical Standard 39 section 5.4). */
export const hasStrayMarks = (name: string): boolean => STRAY_MARKS.test(name.normalize('NFD'));
