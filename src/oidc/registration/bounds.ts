import { IMPLICIT } from '../../access/grant-type-names.ts';
import { isBuiltIn, parseScopes } from '../../access/scopes.ts';
import { refuse } from '../../kit/errors.ts';
import { parse } from '../../kit/parse.ts';
import { toColumns } from '../clients/client-metadata.ts';
import { checkCombination } from '../clients/combinations.ts';
import { type ClientInput, clientInput } from '../clients/input.ts';
import { isImplicit, RESPONSE_TYPES } from '../clients/response-types.ts';
import { toClientInput } from '../clients/rfc7591.ts';

/** All of these ask a user. With any other grant type, an application would act without one. */
const GRANT_TYPES = ['authorization_code', 'refresh_token'];

/** The scopes of OpenID Connect. No scope over Latchkey itself is here, and no wildcard. */
const SCOPES = ['openid', 'profile', 'email', 'address', 'phone', 'offline_access'];

const mayState = (scope: string) => SCOPES.includes(scope) || (!isBuiltIn(scope) && !scope.includes('*'));

/**
 * Other scopes than those of OpenID Connect belong to APIs. They count only in requests that name the API (`token-scope.ts`),
 * so stating them here changes nothing.
 */
function boundScope(stated: string | undefined): string {
  if (!stated) return SCOPES.join(' ');
  const scopes = parseScopes(stated).filter(mayState);
  if (scopes.length === 0)
    refuse(
      'registration_scope_refused',
      'An application that registers itself may have none of these scopes.',
    );
  return scopes.join(' ');
}

/** The name of an application that states none. */
const hostOf = (uri: string | undefined) => URL.parse(uri ?? '')?.host || 'An application without a name';

/**
 * The response types and grant types that count. With the setting for the implicit grant, an application has it only if it
 * names its response types; otherwise those are ignored, as long as one of them is `code`.
 */
function boundTypes(
  { grantTypes = ['authorization_code'], responseTypes = [] }: Partial<ClientInput>,
  { implicitGrant }: { implicitGrant: boolean },
): Pick<ClientInput, 'grantTypes' | 'responseTypes'> {
  const known = RESPONSE_TYPES.filter((type) => implicitGrant || !isImplicit(type));
  const isKnown = (type: string) => known.includes(type.split(' ').sort().join(' '));
  const types = responseTypes.filter(isKnown);
  if (responseTypes.length > 0 && types.length === 0)
    refuse(
      'registration_response_type',
      `An application that registers itself needs one of the response types ${known.join(', ')}.`,
    );
  const named = grantTypes.filter((type) => GRANT_TYPES.includes(type));
  if (!types.some(isImplicit)) {
    if (!named.includes('authorization_code'))
      refuse(
        'registration_without_code',
        'An application that registers itself needs the grant type authorization_code.',
      );
    return { grantTypes: named };
  }
  // The grant types follow from the response types (RFC 7591 section 2.1).
  if (!types.includes('code')) return { grantTypes: [IMPLICIT], responseTypes: types };
  const both: typeof named = ['authorization_code', ...named, IMPLICIT];
  return { grantTypes: [...new Set(both)], responseTypes: types };
}

/**
 * What an application may be that describes itself. It gets what an operator could register for it, except for powers: it is
 * never first-party nor a resource server, has no claims, origins or logo of its own, and only grant types that ask a user.
 * @param document client metadata (RFC 7591 section 2); members without a meaning here are ignored
 * @param server whether it may have the implicit grant
 * @returns the columns of its row
 * @throws LatchkeyError invalid_input
 */
export function toBoundedColumns(document: unknown, server: { implicitGrant: boolean }) {
  const described = toClientInput(document, { ignoreUnknown: true });
  const { grantTypes = [], responseTypes } = boundTypes(described, server);
  const input = parse(clientInput, {
    ...described,
    name: described.name || hostOf(described.redirectUris?.[0]),
    scope: boundScope(described.scope),
    grantTypes,
    responseTypes,
    logoUri: undefined,
  });
  const columns = toColumns(input, { grantTypes, scope: input.scope ?? [] });
  checkCombination(columns, input);
  return columns;
}

export type BoundedColumns = ReturnType<typeof toBoundedColumns>;
