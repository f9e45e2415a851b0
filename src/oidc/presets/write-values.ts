import { refuse } from '../../kit/errors.ts';

/** The formats of text to paste. `steps`: one instruction for a person on each line. */
export const FORMATS = [
  'env',
  'yaml',
  'ini',
  'json',
  'toml',
  'shell',
  'python',
  'javascript',
  'ruby',
  'php',
  'apache',
  'steps',
] as const;
export type PasteFormat = (typeof FORMATS)[number];

const PLACEHOLDER = /\{\{(\w+)(:json)?\}\}/g;
/** Control characters and line separators: no real setting has one, and in several formats they end the value. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u;
/** Programs read these differently, or replace them by something else. */
const SPECIAL_IN_INI = /[;#"'`\\$]|%\(|^\s|\s$/;
/** Shells, systemd and the usual readers of `.env` files take a value of these characters as it is. */
const PLAIN_IN_ENV = /^[\w./:@%+,=*?-]*$/;

/** The inside of a double-quoted string. JSON's escapes mean the same in YAML, TOML, Python, JavaScript and Ruby. */
const escapeString = (value: string) => JSON.stringify(value).slice(1, -1);

/** For JSON that stands in single quotes itself. */
const escapeJson = (value: string) => escapeString(value).replaceAll("'", '\\u0027');

/**
 * How a value is written where the text has a placeholder: inside double quotes, in `shell` and `php` inside
 * single quotes.
 * @returns undefined for a value that the format cannot hold
 */
const ESCAPES: Record<PasteFormat, (value: string) => string | undefined> = {
  json: escapeString,
  yaml: escapeString,
  toml: escapeString,
  python: escapeString,
  javascript: escapeString,
  ruby: (value) => escapeString(value).replaceAll('#', '\\u0023'),
  shell: (value) => value.replaceAll("'", "'\\''"),
  php: (value) => value.replace(/['\\]/g, '\\$&'),
  apache: (value) => (value.includes('${') ? undefined : value.replace(/["\\]/g, '\\$&')),
  ini: (value) => (SPECIAL_IN_INI.test(value) ? undefined : value),
  // Quoted as a whole, by quoteVariables.
  env: (value) => value,
  steps: (value) => value,
};

const unwritable = (name: string): never =>
  refuse(
    'preset_value_unwritable',
    `The value of ${name} has a character that cannot be written into this text safely. Choose a value without quotes and other special characters.`,
  );

function fillIn(
  text: string,
  values: Record<string, string>,
  toWritten: (value: string) => string | undefined,
) {
  return text.replace(PLACEHOLDER, (_, name: string, asJson: string | undefined) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined)
      return refuse(
        'preset_placeholder_unknown',
        `The preset has a placeholder without a value: {{${name}}}.`,
      );
    if (UNPRINTABLE.test(value)) return unwritable(name);
    return toWritten(asJson ? escapeJson(value) : value) ?? unwritable(name);
  });
}

function quoteVariable(name: string, value: string): string {
  if (PLAIN_IN_ENV.test(value)) return value;
  if (!value.includes("'")) return `'${value}'`;
  return /["$`\\]/.test(value) ? unwritable(name) : `"${value}"`;
}

/** Fills in the lines `NAME=value`, and quotes each value as it needs it. */
function fillInVariables(text: string, values: Record<string, string>): string {
  const lines = text.split('\n').map((line) => {
    const [, name, , value = ''] = /^(\w+)=(["']?)(.*)\2$/.exec(line) ?? [];
    if (name === undefined) return line;
    return `${name}=${quoteVariable(name, fillIn(value, values, ESCAPES.env))}`;
  });
  return lines.join('\n');
}

const number = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line, index) => `${index + 1}. ${line}`)
    .join('\n');

/** Fills the placeholders of a line to read. @throws LatchkeyError invalid_input when a name has no value */
export const fillInLine = (text: string, values: Record<string, string>): string =>
  fillIn(text, values, ESCAPES.steps);

/**
 * Fills the placeholders of a text so that the program that reads it gets exactly these values, whatever characters
 * they have.
 * @throws LatchkeyError invalid_input when a name has no value, or a value cannot be written in that format
 */
export function fillInText(format: PasteFormat, text: string, values: Record<string, string>): string {
  if (format === 'env') return fillInVariables(text, values);
  const filled = fillIn(text, values, ESCAPES[format]);
  return format === 'steps' ? number(filled) : filled;
}
