import { text } from 'node:stream/consumers';
import { LatchkeyError } from './errors.ts';

/** Prints one answer of a command: exactly one JSON document, or lines for a person. */
export function print(value: unknown, asJson: boolean | undefined): void {
  process.stdout.write(`${asJson ? JSON.stringify(value, null, 2) : lines(value)}\n`);
}

function lines(value: unknown): string {
  if (Array.isArray(value)) {
    return value.length === 0
      ? 'There is none.'
      : value.map((one) => (typeof one === 'object' ? row(one) : String(one))).join('\n');
  }
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Object.entries(value).filter(([, member]) => member !== undefined && member !== null);
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, member]) => `${name.padEnd(width)}  ${cell(member)}`).join('\n');
}

const row = (value: object) =>
  Object.values(value)
    .filter((member) => member !== null && member !== '')
    .map(cell)
    .join('  ');
const cell = (value: unknown) =>
  (Array.isArray(value) ? value.join(' ') : String(value)).replace(/\p{Cc}/gu, ' ');

/** A secret from standard input, without the newline at its end. @throws LatchkeyError when there is none */
export async function readSecret(): Promise<string> {
  const given = process.stdin.isTTY ? '' : (await text(process.stdin)).replace(/\r?\n$/, '');
  if (given === '')
    throw new LatchkeyError(
      'invalid_input',
      'password_missing',
      'There is no password on standard input. Pipe it in: printf %s "$PASSWORD" | latchkey …',
    );
  return given;
}

export const collect = (value: string, earlier: string[] = []) => [...earlier, value];

/** Rows under the names of their members, in columns. */
export function printTable(rows: object[]): void {
  const names = Object.keys(rows[0] ?? { 'There is none.': '' });
  const cells = rows.map((one) => Object.values(one).map((value) => cell(value ?? '')));
  const widths = names.map((name, index) =>
    Math.max(...[names, ...cells].map((line) => (line[index] ?? name).length)),
  );
  const text = [names, ...cells].map((line) =>
    line
      .map((value, index) => value.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  process.stdout.write(`${text.join('\n')}\n`);
}

const BAR = 30;

/**
 * A bar on standard error that grows to the whole.
 * @param parts what is to be done
 */
export function progress(parts: { rows: number }[]): { add(rows: number): void; end(): void } {
  const whole = parts.reduce((sum, { rows }) => sum + rows, 0);
  let done = 0;
  return {
    add(rows) {
      done += rows;
      const part = whole === 0 ? 1 : Math.min(1, done / whole);
      const bar = '#'.repeat(Math.round(part * BAR)).padEnd(BAR, '.');
      process.stderr.write(`\r[${bar}] ${Math.floor(part * 100)} %  ${done} of ${whole}`);
    },
    end: () => void process.stderr.write('\r\x1b[K'),
  };
}
