import { refuse } from '../../kit/errors.ts';
import { ASSERTION_ALGS, AUTH_METHODS } from './auth-methods.ts';
import { SUBJECT_TYPES } from './policy-metadata.ts';

const ALGS = ['RS256', 'ES256', 'EdDSA'];

/** Members that list what an application supports, the member that holds the chosen value, and the values of this server. */
const CHOICES: [choices: string, member: string, supported: readonly string[]][] = [
  ['subject_types_supported', 'subject_type', SUBJECT_TYPES],
  ['token_endpoint_auth_methods_supported', 'token_endpoint_auth_method', ['none', ...AUTH_METHODS]],
  [
    'token_endpoint_auth_signing_alg_values_supported',
    'token_endpoint_auth_signing_alg',
    ASSERTION_ALGS.filter((alg) => alg !== 'HS256'),
  ],
  ['id_token_signing_alg_values_supported', 'id_token_signed_response_alg', ALGS],
  ['userinfo_signing_alg_values_supported', 'userinfo_signed_response_alg', ALGS],
  ['introspection_signing_alg_values_supported', 'introspection_signed_response_alg', ALGS],
  ['authorization_signing_alg_values_supported', 'authorization_signed_response_alg', ALGS],
  ['request_object_signing_alg_values_supported', 'request_object_signing_alg', ASSERTION_ALGS],
];

/**
 * Takes, for each list of what an application can do, the first value that this server can do too (OpenID Connect RP
 * Metadata Choices 1.0). A member that is stated must be in its list.
 * @returns the metadata with one value for each member, and without the lists
 * @throws LatchkeyError invalid_input that names the list
 */
export function applyChoices(document: Record<string, unknown>): Record<string, unknown> {
  const chosen = { ...document };
  for (const [choices, member, supported] of CHOICES) {
    const values = document[choices];
    delete chosen[choices];
    if (values === undefined || values === null) continue;
    if (!Array.isArray(values) || !values.every((value) => typeof value === 'string'))
      refuse('metadata_choice_malformed', `${choices} must be a list of texts in client metadata.`);
    const stated = document[member] ?? undefined;
    if (stated !== undefined && !values.includes(String(stated)))
      refuse('metadata_choice_contradicted', `${choices} must have the value of ${member}.`);
    const value = stated ?? values.find((one) => supported.includes(one));
    if (value === undefined)
      refuse(
        'metadata_choice_unsupported',
        `Latchkey supports no value of ${choices}: ${values.join(', ')}.`,
      );
    chosen[member] = value;
  }
  return chosen;
}
