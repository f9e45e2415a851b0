import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { isStorable } from '../kit/text.ts';
import { beforeScopeCheck } from './engine/requests.ts';

function check({ params = {} }: KoaContextWithOIDC['oidc']): void {
  for (const [name, value] of Object.entries(params))
    if (typeof value === 'string' && !isStorable(value))
      throw new errors.InvalidRequest(`${name} has a character that cannot be stored`);
}

/**
 * Refuses authorization requests with a text that no database stores as it is. Queries and forms were checked when they
 * were read; a signed request object (RFC 9101) can hold NUL as well, and replaces their parameters later.
 */
export function refuseUnstorableParameters(provider: Provider): void {
  beforeScopeCheck(provider, check);
}
