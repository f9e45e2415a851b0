import { readFileSync } from 'node:fs';
import { LatchkeyError } from '../../kit/errors.ts';
import type { ClientKeySet } from './key-sets.ts';

/**
 * Reads a file that an operator names on the command line.
 * @throws LatchkeyError invalid_input when it cannot be read, or is not JSON
 */
export function readJsonFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    // The parser's message quotes the file, which may hold a private key.
    const fault = cause instanceof SyntaxError ? 'it is not JSON' : (cause as Error).message;
    throw new LatchkeyError('invalid_input', 'json_file_unreadable', `${file} cannot be read: ${fault}.`, {
      cause,
    });
  }
}

/**
 * Reads the public keys of an application.
 * @param file a JWK Set, or a single key (JWK)
 * @throws LatchkeyError invalid_input
 */
export function readKeySet(file: string): ClientKeySet {
  const value = readJsonFile(file) as Partial<ClientKeySet> & { kty?: unknown };
  return typeof value?.kty === 'string' ? { keys: [value] } : (value as ClientKeySet);
}
