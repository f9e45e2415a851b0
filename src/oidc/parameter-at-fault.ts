import type { EngineError } from './engine/errors.ts';

/** The parameters that an error's code is always about. */
const BY_ERROR: Record<string, string> = {
  invalid_redirect_uri: 'redirect_uri',
  invalid_scope: 'scope',
  insufficient_scope: 'scope',
  unsupported_response_type: 'response_type',
  unsupported_response_mode: 'response_mode',
  unsupported_grant_type: 'grant_type',
  unauthorized_client: 'grant_type',
  invalid_target: 'resource',
  request_not_supported: 'request',
  invalid_request_object: 'request',
  invalid_authorization_details: 'authorization_details',
  request_uri_not_supported: 'request_uri',
  invalid_request_uri: 'request_uri',
  invalid_dpop_proof: 'DPoP',
  registration_not_supported: 'registration',
  login_required: 'prompt',
  consent_required: 'prompt',
  interaction_required: 'prompt',
  unmet_authentication_requirements: 'acr_values',
  invalid_token: 'access_token',
  expired_token: 'device_code',
};

/** Descriptions that name a parameter by other words. */
const BY_WORDS: [words: RegExp, parameter: string][] = [
  [/DPoP/, 'DPoP'],
  [/client not found/, 'client_id'],
  [/secret|authentication m|authorization header/, 'client_secret'],
  [/^origin /, 'origin'],
  [/grant type/, 'grant_type'],
  [/PKCE/, 'code_verifier'],
  [/authorization code/, 'code'],
  [/device code/, 'device_code'],
  [/refresh token/, 'refresh_token'],
  [/access token/, 'access_token'],
];

/** Parameters of a token exchange that some of these errors are about instead. */
const EXCHANGED = /\b(requested_token_type|connection_id)\b/;

/** Without `request`, which descriptions use as a word. */
const PARAMETERS =
  /\b(client_id|client_secret|redirect_uri|post_logout_redirect_uri|response_type|response_mode|scope|state|nonce|connection_id|code_challenge_method|code_challenge|code_verifier|device_code|code|grant_type|refresh_token|token_type_hint|(?:requested|subject|actor)_token(?:_type)?|token|prompt|max_age|claims|acr_values|id_token_hint|login_hint|ui_locales|resource|xsrf)\b/;

/**
 * @param params of the request; only the names matter
 * @returns the name of the parameter that a refused request has to change, for the log; never a value. Undefined if the
 *   error is about none, such as `access_denied`
 */
export function parameterAtFault(
  { error = '', error_description = '', error_detail = '' }: EngineError,
  params: Record<string, unknown> = {},
): string | undefined {
  const known = BY_ERROR[error];
  if (known !== undefined) return EXCHANGED.exec(error_description)?.[0] ?? known;
  if (error === 'access_denied') return undefined;
  if (error === 'invalid_client' && params.client_assertion !== undefined) return 'client_assertion';
  // The detail is more exact, where there is one.
  for (const text of [error_detail, error_description]) {
    const named = PARAMETERS.exec(text.replace(/(authorization|device) code/, ''))?.[1];
    if (named !== undefined) return named;
    const worded = BY_WORDS.find(([words]) => words.test(text))?.[1];
    if (worded !== undefined) return worded;
  }
  if (error === 'invalid_client') return 'client_id';
  if (error !== 'invalid_grant') return undefined;
  return ['refresh_token', 'device_code'].find((name) => params[name] !== undefined) ?? 'code';
}
