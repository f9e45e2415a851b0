import { readFileWith } from '../../kit/json-file.ts';
import { type ClientKeySet, toKeySet } from './key-sets.ts';

/**
 * Reads the public keys of an application.
 * @param file a JWK Set, a single key (JWK), or certificates in PEM
 * @throws LatchkeyError invalid_input
 */
export function readKeySet(file: string): ClientKeySet {
  return readFileWith(file, (text) => {
    if (text.includes('-----BEGIN CERTIFICATE-----')) return toKeySet(text);
    const value: Partial<ClientKeySet> & { kty?: unknown } = JSON.parse(text);
    return typeof value?.kty === 'string' ? { keys: [value] } : (value as ClientKeySet);
  });
}
