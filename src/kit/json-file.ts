import { readFileSync } from 'node:fs';
import { LatchkeyError } from './errors.ts';

/** @throws LatchkeyError invalid_input when the file cannot be read, or `parse` throws for its text */
export function readFileWith<T>(file: string, parse: (text: string) => T): T {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    // The parser's message quotes the file, which may hold a secret.
    const fault = cause instanceof SyntaxError ? 'it is not JSON' : (cause as Error).message;
    throw new LatchkeyError('invalid_input', 'json_file_unreadable', `${file} cannot be read: ${fault}.`, {
      cause,
    });
  }
}

/** Reads a file that an operator names on the command line. @throws LatchkeyError invalid_input */
export const readJsonFile = (file: string): unknown => readFileWith(file, JSON.parse);
