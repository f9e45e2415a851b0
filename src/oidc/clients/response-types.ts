import { z } from 'zod';
import { IMPLICIT } from '../../access/grant-type-names.ts';
import { refuse } from '../../kit/errors.ts';

/** Members of what is stored of a client. */
interface StoredMetadata {
  grant_types: string[];
  response_types?: string[] | undefined;
  display_code: boolean;
  fapi?: boolean | undefined;
  dpop_bound_access_tokens?: boolean | undefined;
  tls_client_certificate_bound_access_tokens?: boolean | undefined;
}

/** The response types of the implicit grant: tokens come from the authorization endpoint (OpenID Connect Core section 3.2). */
const IMPLICIT_TYPES = ['id_token', 'id_token token'];

/** What a client can be registered for. The words of each are in alphabetical order, as the engine has them. */
export const RESPONSE_TYPES = ['code', ...IMPLICIT_TYPES];

const sortWords = (type: string) => type.split(' ').sort().join(' ');

/** Whether a request with this `response_type` gets tokens in the address of its answer, and no code. */
export const isImplicit = (type: unknown): boolean =>
  typeof type === 'string' && IMPLICIT_TYPES.includes(sortWords(type));

/** The response mode of a request that names none (OAuth 2.0 Multiple Response Type Encoding Practices section 2.1). */
export const defaultResponseMode = (type: unknown): 'query' | 'fragment' =>
  isImplicit(type) ? 'fragment' : 'query';

/** The response types in a client's input. */
export const responseTypes = z.array(
  z
    .string()
    .transform(sortWords)
    .pipe(z.enum(RESPONSE_TYPES, `A response type is one of ${RESPONSE_TYPES.join(', ')}`)),
);

/** @returns what is stored: undefined for an application that uses codes alone, as almost all do */
export const toStoredTypes = (types: string[]): string[] | undefined =>
  types.some(isImplicit) ? [...new Set(types)] : undefined;

/** Response types and grant types as an application has them at a server with or without the setting. */
export function usableTypes(
  { grant_types, response_types }: Pick<StoredMetadata, 'grant_types' | 'response_types'>,
  server: { implicitGrant: boolean },
): { grant_types: string[]; response_types: string[] } {
  const types = response_types ?? (grant_types.includes('authorization_code') ? ['code'] : []);
  if (server.implicitGrant) return { grant_types, response_types: types };
  return {
    grant_types: grant_types.filter((type) => type !== IMPLICIT),
    response_types: types.filter((type) => !isImplicit(type)),
  };
}

/** Every spelling of the user's own machine that the URL parser leaves. */
const OWN_MACHINE = /^((.+\.)?localhost\.?|127\..*|0\.0\.0\.0|\[::(1|ffff:7f.*)?\])$/;

const isSafeTarget = (uri: string) => {
  const url = URL.parse(uri);
  return url?.protocol === 'https:' && !OWN_MACHINE.test(url.hostname);
};

/**
 * Refuses an application that contradicts itself, or for which tokens in an address would be worse than for others.
 * OpenID Connect Registration section 2 asks for the redirect URIs.
 * @throws LatchkeyError invalid_input
 */
export function checkResponseTypes(metadata: StoredMetadata, redirectUris: string[]): void {
  const { grant_types, response_types = [] } = metadata;
  if (grant_types.includes(IMPLICIT) !== response_types.some(isImplicit))
    refuse(
      'implicit_types_contradicted',
      'The response types id_token and id_token token go together with the grant type implicit. Name both (--response-type, --grant-type), or neither.',
    );
  if (!grant_types.includes(IMPLICIT)) return;
  if (grant_types.includes('authorization_code') !== response_types.includes('code'))
    refuse(
      'code_types_contradicted',
      'The response type code goes together with the grant type authorization_code. Name both (--response-type, --grant-type), or neither.',
    );
  if (
    metadata.dpop_bound_access_tokens ||
    metadata.tls_client_certificate_bound_access_tokens ||
    metadata.fapi
  )
    refuse(
      'implicit_with_bound_tokens',
      'Tokens that come in an address are bound to no key. An application with bound tokens or the FAPI 2.0 profile cannot have the grant type implicit.',
    );
  if (metadata.display_code)
    refuse(
      'implicit_with_display_code',
      'An application with --display-code cannot have the grant type implicit.',
    );
  if (redirectUris.length === 0 || !redirectUris.every(isSafeTarget))
    refuse(
      'implicit_redirect_uri_unsafe',
      'Tokens in an address are sent to redirect URIs with https only, and not to localhost. Change --redirect-uri, or leave out the grant type implicit.',
    );
}
