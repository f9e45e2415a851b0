import type { KoaContextWithOIDC, Provider } from 'oidc-provider';

/** Wording by which errors, pages and steps are recognized, and the file below lib/ that contains it. */
export const WORDING = {
  codeReplay: ['helpers/grant_source.js', 'already consumed'],
  verifierMissing: ['helpers/pkce.js', 'code_verifier must be provided'],
  verifierMismatch: ['helpers/pkce.js', 'code_verifier does not match code_challenge'],
  jwtExpired: ['helpers/jwt.js', 'jwt expired'],
  jwtEarly: ['helpers/jwt.js', 'jwt not active yet'],
  keysUnreadable: ['models/client.js', 'client JSON Web Key Set failed to be refreshed'],
  refreshTokenReplay: ['actions/grants/refresh_token.js', 'refresh token already used'],
  noCredentials: ['shared/client_auth.js', 'no client authentication mechanism provided'],
  secretNotInHeader: ['shared/client_auth.js', 'client_secret must be provided in the Authorization header'],
  grantTypeRefused: ['actions/token.js', 'requested grant type is not allowed for this client'],
  forgedSignOut: ['shared/xsrf.js', 'xsrf token invalid'],
  unexpectedSignOut: ['actions/end_session.js', 'could not find logout details'],
  unregisteredTarget: ['actions/end_session.js', 'post_logout_redirect_uri not registered'],
  redirectedErrors: ['shared/authorization_error_handler.js', '!err.allow_redirect'],
  promptsBeforeScope: ['actions/authorization/scopes.js', 'const { prompts, client } = ctx.oidc;'],
  renderError: ['shared/error_handler.js', 'return async function errorHandler'],
  renderAuthorizationError: [
    'shared/authorization_error_handler.js',
    'export default async function authorizationErrorHandler',
  ],
  renderDeviceError: ['actions/authorization/device.js', 'export async function deviceUserFlowErrors'],
  submittingPage: ['response_modes/form_post.js', '<title>Submitting Callback</title>'],
} satisfies Record<string, [file: string, text: string]>;

type Wording = keyof typeof WORDING;

/** The detail of the error for a code that was used before. */
export const CODE_REPLAY = `authorization code ${WORDING.codeReplay[1]}`;

/** The parts of an engine's error: two for the client, and the detail for the log. */
export interface EngineError {
  error?: string;
  error_description?: string;
  error_detail?: string;
}

const isWorded = (text: string | undefined, ...wordings: Wording[]) =>
  wordings.some((wording) => text === WORDING[wording][1]);

const MAX_DETAIL_LENGTH = 300;

/** Causes that only name the fault. Any other may quote what was sent. */
const isHarmless = (cause: Error) =>
  isWorded(
    cause.message,
    'verifierMissing',
    'verifierMismatch',
    'jwtExpired',
    'jwtEarly',
    'keysUnreadable',
  ) ||
  ['ERR_JWKS_NO_MATCHING_KEY', 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED'].includes(
    String((cause as { code?: string }).code),
  );

/** @returns the engine's text for the log, without what was sent */
export function detailOf({ error_detail, cause }: EngineError & { cause?: unknown }): string | undefined {
  if (cause === undefined) return error_detail?.slice(0, MAX_DETAIL_LENGTH);
  return cause instanceof Error && isHarmless(cause) ? cause.message : undefined;
}

/** Whether the code, or the code of a device, had been marked as used when this request read it. */
export const isCodeReplay = ({ error_detail = '' }: EngineError) =>
  ['authorization', 'device'].some((kind) => error_detail === `${kind} code ${WORDING.codeReplay[1]}`);

/** Whether the refresh token had been marked as used when this request read it. */
export const isRefreshTokenReplay = ({ error_detail }: EngineError) =>
  isWorded(error_detail, 'refreshTokenReplay');

/** Whether a 400 of the token endpoint means that the client presented no credentials. */
export const lacksClientAuthentication = ({ error_description }: EngineError) =>
  isWorded(error_description, 'noCredentials', 'secretNotInHeader');

/** Whether the client may not use the grant type at all, which RFC 6749 section 5.2 calls `unauthorized_client`. */
export const isGrantTypeRefused = ({ error_description }: EngineError) =>
  isWorded(error_description, 'grantTypeRefused');

/** Whether a sign-out was refused because no page of ours had asked for it in this session. */
export const isForgedSignOut = ({ error_detail, error_description }: EngineError) =>
  isWorded(error_detail ?? error_description, 'forgedSignOut', 'unexpectedSignOut');

/** Whether the body is the engine's page with a form that a script submits. */
export const isSubmittingPage = (body: string) => body.includes(WORDING.submittingPage[1]);

/** Whether a sign-out named an address to go on to that the application has not registered. */
export const isUnregisteredTarget = ({ error_description }: EngineError) =>
  isWorded(error_description, 'unregisteredTarget');

/**
 * Runs before an error of the authorization endpoint is answered: by a redirect to the application, unless `allow_redirect` is
 * set to false.
 */
export function beforeErrorRedirect(
  provider: Provider,
  run: (ctx: KoaContextWithOIDC, error: Error & { allow_redirect?: boolean }) => void,
): void {
  for (const event of ['authorization.error', 'server_error'])
    provider.on(event as never, (ctx: KoaContextWithOIDC, error: Error) => run(ctx, error));
}
