/** Every sign-in may request these and they carry no power, so an account's ceiling does not list them. */
export const PROTOCOL_SCOPES = new Set(['openid', 'offline_access']);

/** A scope-token (RFC 6749 section 3.3). */
export const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** `"a  b a"` → `["a", "b"]`. */
export function parseScopes(scope: string | undefined | null): string[] {
  return [...new Set((scope ?? '').split(/\s+/).filter(Boolean))];
}

/**
 * Whether a list of powers covers a scope: by name, by `*:*` (everything), by `group:*`, or because a power
 * includes its `.read`.
 */
export function covers(powers: string[], scope: string): boolean {
  const group = scope.slice(0, scope.indexOf(':') + 1);
  return powers.some(
    (power) =>
      power === scope ||
      power === '*:*' ||
      `${power}.read` === scope ||
      (group !== '' && power === `${group}*`),
  );
}

/** What of `asked` the powers cover. Wildcards are powers, never scopes of a token: they are not asked for. */
export function within(asked: Iterable<string>, powers: string[]): string[] {
  return [...asked].filter((scope) => !scope.includes('*') && covers(powers, scope));
}

/** What of `asked` may be asked through an application. Whether it may keep access is its grant type's question. */
export function limitToClient(asked: Iterable<string>, allowed: string[], mayRefresh: boolean): string[] {
  const list = [...asked];
  const named = new Set(within(list, allowed));
  return list.filter((scope) => (scope === 'offline_access' ? mayRefresh : named.has(scope)));
}

/** What of `asked` an account's ceiling lets through. */
export function limitToCeiling(asked: Iterable<string>, ceiling: string[]): string[] {
  const list = [...asked];
  const named = new Set(within(list, ceiling));
  return list.filter((scope) => PROTOCOL_SCOPES.has(scope) || named.has(scope));
}

/** Whether a scope gives power over Latchkey itself. */
export function isLatchkeyScope(scope: string): boolean {
  return scope.startsWith('latchkey:');
}
