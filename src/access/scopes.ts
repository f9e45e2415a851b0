import { isConnectionScope, parseConnectionScope } from './connection-scopes.ts';

/** Any sign-in may request these. They give no access by themselves, so they are not in an account's ceiling, the list of every scope it may have. */
export const PROTOCOL_SCOPES = new Set(['openid', 'offline_access']);

/** The scopes of APIs by the identifier of the API (RFC 8707). */
export type ResourceScopes = Record<string, string[]>;

/** A scope-token (RFC 6749 section 3.3). */
export const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** `"a  b a"` → `["a", "b"]`. */
export function parseScopes(scope: string | undefined | null): string[] {
  return [...new Set((scope ?? '').split(/\s+/).filter(Boolean))];
}

/**
 * Whether the held scopes include a scope: by name, by `*:*` (everything), by `group:*`, or because it is the
 * `.read` of a held scope: `latchkey:invitations` covers `latchkey:invitations.read`. `connections:google.write` covers
 * `connections:google.read`.
 */
export function covers(held: string[], scope: string): boolean {
  const group = scope.slice(0, scope.indexOf(':') + 1);
  return held.some(
    (one) =>
      one === scope ||
      one === '*:*' ||
      `${one}.read` === scope ||
      (group !== '' && one === `${group}*`) ||
      isReadOfConnection(one, scope),
  );
}

function isReadOfConnection(held: string, scope: string): boolean {
  const [read, write] = [parseConnectionScope(scope), parseConnectionScope(held)];
  return read?.access === 'read' && write?.access === 'write' && read.service === write.service;
}

/** Returns the requested scopes that are held. A wildcard can be held, but not requested: no token carries one. */
function limitTo(requested: Iterable<string>, held: string[]): string[] {
  return [...requested].filter((scope) => !scope.includes('*') && covers(held, scope));
}

/**
 * Returns the requested scopes that are in a client's list of allowed scopes.
 * @param mayRefresh whether `offline_access` stays: the client's grant types decide about it, not its list
 */
export function limitToAllowed(
  requested: Iterable<string>,
  allowed: string[],
  mayRefresh: boolean,
): string[] {
  const scopes = [...requested];
  const limited = new Set(limitTo(scopes, allowed));
  return scopes.filter((scope) => (scope === 'offline_access' ? mayRefresh : limited.has(scope)));
}

/** Returns the requested scopes that an account's ceiling allows. */
export function limitToCeiling(requested: Iterable<string>, ceiling: string[]): string[] {
  const scopes = [...requested];
  const limited = new Set(limitTo(scopes, ceiling));
  return scopes.filter((scope) => PROTOCOL_SCOPES.has(scope) || limited.has(scope));
}

const CLAIM_SCOPES = new Set(['profile', 'email', 'address', 'phone']);

/**
 * Whether the scope means something to this server: it gives claims, opens pages of ours, or lets an application use connected
 * accounts. Every other one is for APIs.
 */
export function isBuiltIn(scope: string): boolean {
  return (
    scope === '*:*' ||
    PROTOCOL_SCOPES.has(scope) ||
    CLAIM_SCOPES.has(scope) ||
    isLatchkeyScope(scope) ||
    isConnectionScope(scope)
  );
}

/** Whether a scope is one over Latchkey itself. */
export function isLatchkeyScope(scope: string): boolean {
  return scope.startsWith('latchkey:');
}
