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
export const guessServiceName = (service: string) =>
  `${service.charAt(0).toUpperCase()}${service.slice(1).replaceAll('-', ' ')}`;
