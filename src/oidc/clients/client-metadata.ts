import type { z } from 'zod';
import { toLinks } from './client-document.ts';
import type { clientChange, clientInput, PkceLevel } from './input.ts';
import type { ClientMetadata } from './store.ts';

/** What is stored of a new client without a column of its own. */
export function toMetadata(input: z.output<typeof clientInput>, grantTypes: string[]): ClientMetadata {
  return {
    grant_types: grantTypes,
    post_logout_redirect_uris: input.postLogoutRedirectUris,
    id_token_signed_response_alg: input.idTokenSignedResponseAlg,
    display_code: input.displayCode,
    cors_origins: input.corsOrigins,
    resource_server: input.resourceServer,
    application_type: input.applicationType,
    default_scope: input.defaultScope?.join(' ') || undefined,
    claims: input.claims,
    require_pushed_authorization_requests: input.requirePar,
    dpop_bound_access_tokens: input.requireDpop,
    backchannel_logout_uri: input.backchannelLogoutUri ?? undefined,
    ...toLinks(input),
  };
}

/** The same after a change: members that it does not name stay. */
export function changeMetadata(
  earlier: ClientMetadata,
  input: z.output<typeof clientChange>,
): ClientMetadata {
  const { defaultScope } = input;
  return {
    ...earlier,
    ...toLinks(input, earlier),
    grant_types: input.grantTypes ?? earlier.grant_types,
    post_logout_redirect_uris: input.postLogoutRedirectUris ?? earlier.post_logout_redirect_uris,
    id_token_signed_response_alg: input.idTokenSignedResponseAlg ?? earlier.id_token_signed_response_alg,
    application_type: input.applicationType ?? earlier.application_type,
    resource_server: input.resourceServer ?? earlier.resource_server,
    cors_origins: input.corsOrigins ?? earlier.cors_origins,
    default_scope: defaultScope ? defaultScope.join(' ') || undefined : earlier.default_scope,
    claims: input.claims ?? earlier.claims,
    require_pushed_authorization_requests: input.requirePar ?? earlier.require_pushed_authorization_requests,
    dpop_bound_access_tokens: input.requireDpop ?? earlier.dpop_bound_access_tokens,
    backchannel_logout_uri:
      orEarlier(input.backchannelLogoutUri, earlier.backchannel_logout_uri) ?? undefined,
  };
}

/** Null is a value: it removes the earlier one. */
export const orEarlier = <T>(value: T | undefined, earlier: T): T => (value === undefined ? earlier : value);

/** Servers of the version before the column `pkce` read `require_pkce`. */
export const pkceColumns = (pkce: PkceLevel) => ({ pkce, require_pkce: pkce !== 'off' });

export const defaultPkce = (isPublic: boolean): PkceLevel => (isPublic ? 'always' : 'or-nonce');
