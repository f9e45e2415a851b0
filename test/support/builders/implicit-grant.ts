import assert from 'node:assert/strict';
import type { ClientInput } from '../../../src/oidc/clients/input.ts';

export const CALLBACK = 'https://fieldnotes.example/cb';
export const IMPLICIT = {
  grantTypes: ['implicit'],
  responseTypes: ['id_token', 'token id_token'],
  redirectUris: [CALLBACK],
} satisfies Partial<ClientInput>;
export const NO_PKCE = { code_challenge: undefined, code_challenge_method: undefined };
export const BOTH = { response_type: 'id_token token', ...NO_PKCE };

/** The parameters in the fragment of the redirect, which has no query. */
export function fragmentOf(response: Response): Record<string, string> {
  const location = new URL(String(response.headers.get('location')));
  assert.equal(location.search, '');
  assert.equal(location.origin + location.pathname, CALLBACK);
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}
