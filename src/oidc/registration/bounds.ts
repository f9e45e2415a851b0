import { isBuiltIn, parseScopes } from '../../access/scopes.ts';
import { refuse } from '../../kit/errors.ts';
import { parse } from '../../kit/parse.ts';
import { toColumns } from '../clients/client-metadata.ts';
import { checkCombination } from '../clients/combinations.ts';
import { clientInput } from '../clients/input.ts';
import { toClientInput } from '../clients/rfc7591.ts';

/** All of these ask a user. With any other grant type, an application would act without one. */
const GRANT_TYPES: readonly string[] = ['authorization_code', 'refresh_token'];

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
 * What an application may be that describes itself. It gets what an operator could register for it, except for powers: it is
 * never first-party nor a resource server, has no claims, origins or logo of its own, and only grant types that ask a user.
 * @param document client metadata (RFC 7591 section 2); members without a meaning here are ignored
 * @returns the columns of its row
 * @throws LatchkeyError invalid_input
 */
export function toBoundedColumns(document: unknown) {
  const described = toClientInput(document, { ignoreUnknown: true });
  const named = described.grantTypes ?? ['authorization_code'];
  const grantTypes = named.filter((type) => GRANT_TYPES.includes(type));
  if (!grantTypes.includes('authorization_code'))
    refuse(
      'registration_without_code',
      'An application that registers itself needs the grant type authorization_code.',
    );
  const input = parse(clientInput, {
    ...described,
    name: described.name || hostOf(described.redirectUris?.[0]),
    scope: boundScope(described.scope),
    grantTypes,
    logoUri: undefined,
  });
  const columns = toColumns(input, { grantTypes, scope: input.scope ?? [] });
  checkCombination(columns, input);
  return columns;
}

export type BoundedColumns = ReturnType<typeof toBoundedColumns>;
