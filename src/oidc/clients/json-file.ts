import { readFileSync } from 'node:fs';
import { LatchkeyError } from '../../kit/errors.ts';
import { type ClientKeySet, toKeySet } from './key-sets.ts';

/** @throws LatchkeyError invalid_input when the file cannot be read, or `parse` throws for its text */
function readWith<T>(file: string, parse: (text: string) => T): T {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    // The parser's message quotes the file, which may hold a private key.
    const fault = cause instanceof SyntaxError ? 'it is not JSON' : (cause as Error).message;
    throw new LatchkeyError('invalid_input', 'json_file_unreadable', `${file} cannot be read: ${fault}.`, {
      cause,
    });
  }
}

/** Reads a file that an operator names on the command line. @throws LatchkeyError invalid_input */
export const readJsonFile = (file: string): unknown => readWith(file, JSON.parse);

/**
 * Reads the public keys of an application.
 * @param file a JWK Set, a single key (JWK), or certificates in PEM
 * @throws LatchkeyError invalid_input
 */
export function readKeySet(file: string): ClientKeySet {
  return readWith(file, (text) => {
    if (text.includes('-----BEGIN CERTIFICATE-----')) return toKeySet(text);
    const value: Partial<ClientKeySet> & { kty?: unknown } = JSON.parse(text);
    return typeof value?.kty === 'string' ? { keys: [value] } : (value as ClientKeySet);
  });
}
