import { splitServiceScopes } from '../../access/service-scope-descriptions.ts';
import type { Service } from '../services/service-config.ts';
import type { AccessLevel } from '../vault/connection-store.ts';

/** @param scope of an answer. RFC 6749 section 5.1: without it, everything that was asked is granted @returns what is granted */
export const readGrant = (asked: string[], scope: string | undefined): string =>
  (scope === undefined ? asked : splitServiceScopes(scope)).join(' ');

/** The most that a credential with these scopes can do. */
export function accessLevelOf({ authType, settings }: Service, scope: string): AccessLevel {
  if (authType === 'api_key') return 'admin';
  const granted = splitServiceScopes(scope);
  const has = (scopes: string[] = []) => scopes.some((one) => granted.includes(one));
  if (has(settings.writeScopes)) return 'write';
  return settings.readScopes === undefined ? 'write' : 'read';
}
