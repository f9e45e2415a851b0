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
      'There is no password on standard input. Pipe it in: printf %s "$PASSWORD" | latchkey …',
    );
  return given;
}

export const collect = (value: string, earlier: string[] = []) => [...earlier, value];
