import { refuse } from '../../kit/errors.ts';
import { SUBJECT_MEMBERS } from './auth-methods.ts';
import type { ClientInput } from './input.ts';
import { applyChoices } from './metadata-choices.ts';

type Type = 'text' | 'list' | 'flag' | 'number' | 'object';

/** What a member must be, to follow "must be" in a sentence. */
const FORMS: Record<Type, string> = {
  text: 'a text',
  list: 'a list of texts',
  flag: 'true or false',
  number: 'a whole number',
  object: 'a JSON object',
};

const CHECKS: Record<Type, (value: unknown) => boolean> = {
  text: (value) => typeof value === 'string',
  list: (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
  flag: (value) => typeof value === 'boolean',
  number: Number.isSafeInteger,
  object: (value) => typeof value === 'object' && !Array.isArray(value),
};

interface Member {
  input: keyof ClientInput;
  type: Type;
}

/** The members of RFC 7591 and its extensions that have a meaning here. Those that need more are in `toClientInput`. */
const MEMBERS: Record<string, Member> = {
  client_name: { input: 'name', type: 'text' },
  client_uri: { input: 'clientUri', type: 'text' },
  contacts: { input: 'contacts', type: 'list' },
  logo_uri: { input: 'logoUri', type: 'text' },
  policy_uri: { input: 'policyUri', type: 'text' },
  tos_uri: { input: 'tosUri', type: 'text' },
  initiate_login_uri: { input: 'initiateLoginUri', type: 'text' },
  redirect_uris: { input: 'redirectUris', type: 'list' },
  post_logout_redirect_uris: { input: 'postLogoutRedirectUris', type: 'list' },
  grant_types: { input: 'grantTypes', type: 'list' },
  scope: { input: 'scope', type: 'text' },
  jwks: { input: 'jwks', type: 'object' },
  jwks_uri: { input: 'jwksUri', type: 'text' },
  backchannel_logout_uri: { input: 'backchannelLogoutUri', type: 'text' },
  token_endpoint_auth_signing_alg: { input: 'authSigningAlg', type: 'text' },
  application_type: { input: 'applicationType', type: 'text' },
  id_token_signed_response_alg: { input: 'idTokenSignedResponseAlg', type: 'text' },
  userinfo_signed_response_alg: { input: 'userinfoSignedResponseAlg', type: 'text' },
  authorization_signed_response_alg: { input: 'authorizationSignedResponseAlg', type: 'text' },
  introspection_signed_response_alg: { input: 'introspectionSignedResponseAlg', type: 'text' },
  require_signed_request_object: { input: 'requireSignedRequest', type: 'flag' },
  request_uris: { input: 'requestUris', type: 'list' },
  request_object_signing_alg: { input: 'requestObjectSigningAlg', type: 'text' },
  require_pushed_authorization_requests: { input: 'requirePar', type: 'flag' },
  response_types: { input: 'responseTypes', type: 'list' },
  response_modes: { input: 'responseModes', type: 'list' },
  subject_type: { input: 'subjectType', type: 'text' },
  sector_identifier_uri: { input: 'sectorIdentifierUri', type: 'text' },
  dpop_bound_access_tokens: { input: 'requireDpop', type: 'flag' },
  tls_client_certificate_bound_access_tokens: { input: 'requireMtls', type: 'flag' },
};

/** Members of our own, as `latchkey client show --json` prints them. Only an operator decides about these. */
const OWN_MEMBERS: Record<string, Member> = {
  client_id: { input: 'clientId', type: 'text' },
  default_scope: { input: 'defaultScope', type: 'text' },
  cors_origins: { input: 'corsOrigins', type: 'list' },
  claims: { input: 'claims', type: 'list' },
  id_token_claims: { input: 'idTokenClaims', type: 'text' },
  pkce: { input: 'pkce', type: 'text' },
  fapi: { input: 'fapi', type: 'flag' },
  is_first_party: { input: 'firstParty', type: 'flag' },
  is_resource_server: { input: 'resourceServer', type: 'flag' },
  display_code: { input: 'displayCode', type: 'flag' },
  refresh_token_max_ttl: { input: 'refreshTokenMaxTtl', type: 'number' },
  access_token_ttl: { input: 'accessTokenTtl', type: 'number' },
  refresh_overlap: { input: 'refreshOverlap', type: 'number' },
  hand_out_services: { input: 'handOutServices', type: 'list' },
  // RFC 9396 defines this member. An operator decides all the same, because a service needs nobody's consent for these types.
  authorization_details_types: { input: 'authorizationTypes', type: 'list' },
};

/** Members that `toClientInput` reads itself. */
const READ: Record<string, Type> = {
  token_endpoint_auth_method: 'text',
  ...Object.fromEntries(Object.values(SUBJECT_MEMBERS).map((member) => [member, 'text' as const])),
};

/** The certificate's name that metadata asks for. @throws LatchkeyError invalid_input for several (RFC 8705 section 2.1.2) */
function readSubject(document: object): Pick<ClientInput, 'certificateSubject'> {
  const named = Object.entries(SUBJECT_MEMBERS).flatMap(([kind, member]) => {
    const value = (document as Record<string, unknown>)[member];
    return typeof value === 'string' ? [`${kind}=${value}`] : [];
  });
  if (named.length > 1)
    refuse(
      'certificate_subject_repeated',
      'Client metadata can have only one of the tls_client_auth members.',
    );
  return named[0] === undefined ? {} : { certificateSubject: named[0] };
}

function checkType(name: string, value: unknown, type: Type): void {
  if (!CHECKS[type](value))
    refuse('metadata_member_malformed', `${name} must be ${FORMS[type]} in client metadata.`);
}

function readMethod(method: string): Pick<ClientInput, 'public' | 'authMethod'> {
  if (method === 'none') return { public: true };
  return { public: false, authMethod: method as ClientInput['authMethod'] };
}

/**
 * Turns client metadata (RFC 7591 section 2) into the input of `clients.create` or `clients.update`, which check the values.
 * Of a list of choices, the first that this server supports counts. A member that is null counts as left out (RFC 7592 section 2.2).
 * @param options `ignoreUnknown`: for a document that no operator wrote. Members that mean nothing here are ignored, as
 *   RFC 7591 section 2 asks, and so are our own members and a logo that would have to be loaded
 * @throws LatchkeyError invalid_input that names every unknown or unsupported member, or one of the wrong type
 */
export function toClientInput(
  document: unknown,
  options: { ignoreUnknown?: boolean } = {},
): Partial<ClientInput> {
  const { ignoreUnknown = false } = options;
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    refuse('metadata_malformed', 'Client metadata is a JSON object (RFC 7591 section 2).');
  const chosen = applyChoices(document as Record<string, unknown>);
  const members = Object.entries(chosen).filter(([, value]) => value !== null);
  const known = new Map(Object.entries(ignoreUnknown ? MEMBERS : { ...MEMBERS, ...OWN_MEMBERS }));
  const unknown = members
    .map(([name]) => name)
    .filter((name) => !known.has(name) && !Object.hasOwn(READ, name));
  if (unknown.length > 0 && !ignoreUnknown)
    refuse(
      'metadata_member_unsupported',
      `Latchkey does not support these members of client metadata: ${unknown.join(', ')}. Remove them.`,
    );
  const input: Record<string, unknown> = readSubject(document);
  for (const [name, value] of members) {
    const member = known.get(name);
    const type = member?.type ?? (Object.hasOwn(READ, name) ? READ[name] : undefined);
    if (type) checkType(name, value, type);
    if (member) input[member.input] = value;
    if (name === 'token_endpoint_auth_method') Object.assign(input, readMethod(String(value)));
  }
  if (ignoreUnknown && !String(input.logoUri).startsWith('data:')) delete input.logoUri;
  return input as Partial<ClientInput>;
}
