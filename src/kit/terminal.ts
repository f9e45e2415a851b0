import { createInterface } from 'node:readline/promises';
import { buffer } from 'node:stream/consumers';
import { LatchkeyError } from './errors.ts';

/**
 * Prints the result of a command: exactly one JSON document, or lines to read.
 * @param ifEmpty the line for an empty list
 */
export function print(value: unknown, asJson: boolean | undefined, ifEmpty = ''): void {
  const isEmpty = Array.isArray(value) && value.length === 0;
  const lines = isEmpty ? ifEmpty : toLines(value);
  process.stdout.write(`${asJson ? toJson(value) : lines}\n`);
}

/** Prints a JSON document in one line, for a command that prints several. */
export function printJsonLine(value: unknown): void {
  process.stdout.write(`${toJson(value, 0)}\n`);
}

/** JSON escapes the control characters below the space alone. A terminal obeys those of Unicode's second row too. */
const toJson = (value: unknown, indentation = 2) =>
  JSON.stringify(value, null, indentation).replace(
    /[\u007f-\u009f]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  );

function toLines(value: unknown): string {
  if (Array.isArray(value))
    return value.map((one) => (typeof one === 'object' ? toLine(one) : toCell(one))).join('\n');
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Object.entries(value).filter(([, member]) => member !== undefined && member !== null);
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, member]) => `${name.padEnd(width)}  ${toCell(member) || 'none'}`).join('\n');
}

const toLine = (row: object) =>
  Object.values(row)
    .filter((member) => member !== null && member !== '')
    .map(toCell)
    .join('  ');

/** Without control characters, which could move the cursor of the terminal. */
const toCell = (value: unknown) =>
  (Array.isArray(value) ? value.join(' ') : String(value)).replace(/\p{Cc}/gu, ' ');

/** Without control characters but the ends of lines: an error names what was typed, and a name may come from anyone. */
export const withoutControls = (text: string) => text.replace(/[^\P{Cc}\n]/gu, ' ');

/** Prints an error, or a notice beside the result of a command, on standard error. */
export function printError(text: string): void {
  process.stderr.write(`${withoutControls(text)}\n`);
}

/** A reader such as `head` may close the pipe before everything is printed. That is no fault, and the work goes on. */
export function ignoreClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
}

/** @returns undefined when the bytes are not UTF-8 */
function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * Reads a secret from standard input, without the line break at its end. A field on a page could send neither another
 * line break nor bytes that are not UTF-8.
 * @param name `password`
 * @throws LatchkeyError when it is empty, has several lines or is not UTF-8
 */
export async function readSecret(name: string): Promise<string> {
  const bytes = process.stdin.isTTY ? Buffer.alloc(0) : await buffer(process.stdin);
  const secret = decode(bytes)?.replace(/\r?\n$/, '');
  if (secret === undefined)
    throw new LatchkeyError(
      'invalid_input',
      'standard_input_encoding',
      `The ${name} on standard input is not UTF-8. Convert it first: iconv -f latin1 -t utf-8`,
    );
  if (secret === '') {
    const variable = name.toUpperCase().replaceAll(' ', '_');
    throw new LatchkeyError(
      'invalid_input',
      'standard_input_empty',
      `There is no ${name} on standard input. Pipe it in: printf %s "$${variable}" | latchkey …`,
    );
  }
  if (/[\r\n]/.test(secret))
    throw new LatchkeyError(
      'invalid_input',
      'standard_input_lines',
      `The ${name} on standard input has more than one line. Pass the ${name} alone, on one line.`,
    );
  return secret;
}

/** The option of verbs that cannot be undone. */
export const YES = ['--yes', 'do it without a question, in a script'] as const;

/** The code of the error of a script that did not say --yes. */
export const NOT_CONFIRMED = 'confirmation_missing';

/**
 * Asks before something is deleted that nothing brings back: `expected` must be typed.
 * @param what names `expected` in a sentence
 * @throws LatchkeyError when it was not typed; NOT_CONFIRMED where nobody can be asked
 */
export async function confirmLoss(
  lines: string[],
  { expected, what, yes }: { expected: string; what: string; yes?: boolean },
): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY)
    throw new LatchkeyError(
      'invalid_input',
      'confirmation_missing',
      `${lines.join('\n')}\nNothing was changed. To do it without a question, add --yes.`,
    );
  printError(lines.join('\n'));
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  const typed = terminal.question(`Type ${what}, ${expected}, to go on: `);
  const answer = await Promise.race([typed, closed]);
  terminal.close();
  if (answer.trim() !== expected)
    throw new LatchkeyError('invalid_input', 'confirmation_wrong', 'Nothing was changed.');
}

/** Collects the values of an option that can be repeated. */
export const collect = (value: string, earlier: string[] = []) => [...earlier, value];

/** Prints rows in columns under the names of their members. @param ifEmpty the line for no rows */
export function printTable(rows: object[], ifEmpty = ''): void {
  if (rows.length === 0) {
    print(ifEmpty, false);
    return;
  }
  const names = Object.keys(rows[0] ?? {});
  const lines = [names, ...rows.map((row) => Object.values(row).map((value) => toCell(value ?? '')))];
  const widths = names.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const padded = lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)));
  print(padded.map((line) => line.join('  ').trimEnd()).join('\n'), false);
}

const BAR_LENGTH = 30;

/** Shows a progress bar on standard error. @param parts the work to do; `add` reports finished rows */
export function showProgress(parts: { rows: number }[]): { add(rows: number): void; end(): void } {
  const total = parts.reduce((sum, { rows }) => sum + rows, 0);
  let done = 0;
  return {
    add(rows) {
      done += rows;
      const share = total === 0 ? 1 : Math.min(1, done / total);
      const bar = '#'.repeat(Math.round(share * BAR_LENGTH)).padEnd(BAR_LENGTH, '.');
      process.stderr.write(`\r[${bar}] ${Math.floor(share * 100)} %  ${done} of ${total}`);
    },
    end: () => void process.stderr.write('\r\x1b[K'),
  };
}
