/** What a scope lets an application do with the account of a person at another service. */
export interface ConnectionScope {
  /** The name of the service, such as `google`. */
  service: string;
  /** `write` includes `read`. `token`: it is given the access token of the service, and neither of the others is included. */
  access: 'read' | 'write' | 'token';
}

const GROUP = 'connections:';
const SCOPE = /^connections:([a-z][a-z0-9-]*)\.(read|write|token)$/;

/** The scope with which an application is given the access token of a service (RFC 8693). */
export const tokenScopeOf = (service: string): string => `${GROUP}${service}.token`;

/** @returns undefined for every other scope */
export function parseConnectionScope(scope: string): ConnectionScope | undefined {
  // Nearly every scope is another one, and a comparison is cheaper than the expression.
  if (!scope.startsWith(GROUP)) return undefined;
  const [, service, access] = SCOPE.exec(scope) ?? [];
  return service === undefined ? undefined : { service, access: access as ConnectionScope['access'] };
}

/** Whether a scope is about connected accounts, wildcards included. No API can serve a scope of that name. */
export const isConnectionScope = (scope: string): boolean => scope.startsWith(GROUP);

/** The name of a service where its display name is not known: `google` is Google. */
const nameOf = (service: string) =>
  `${service.charAt(0).toUpperCase()}${service.slice(1).replaceAll('-', ' ')}`;

/**
 * @param displayName of the service, if it is known
 * @returns the words on the consent page; undefined for every other scope
 */
export function describeConnectionScope(scope: string, displayName?: string): string | undefined {
  const parsed = parseConnectionScope(scope);
  if (!parsed) return undefined;
  const { service, access } = parsed;
  const name = displayName ?? nameOf(service);
  if (access === 'token')
    return `Hold a key to the account that you connect at ${name}. It opens everything that you allow there, without going through this server`;
  const verbs = access === 'read' ? 'See' : 'See, add, change and delete';
  return `${verbs} your data at ${name}, with the account that you connect`;
}

/** @returns what an account with this scope may do, for a person who is invited; undefined for every other scope */
export function describeConnectionGrant(scope: string): string | undefined {
  const parsed = parseConnectionScope(scope);
  if (!parsed) return undefined;
  if (parsed.access === 'token')
    return `Letting applications hold a key to your account at ${nameOf(parsed.service)}`;
  const verbs = parsed.access === 'read' ? 'see' : 'see and change';
  return `Letting applications ${verbs} your data at ${nameOf(parsed.service)}`;
}
