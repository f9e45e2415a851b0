import { covers, parseScopes } from '../../access/scopes.ts';
import { connectionRequired, missingScopes, needsReconnect, notConnected } from '../refusals.ts';
import type { Service } from '../services/service-config.ts';
import type { CallableConnection } from '../vault/connection-store.ts';

/** Methods that change nothing (RFC 9110 section 9.2.1), but TRACE, which would show the credential. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * @param service the service, or only its name if it does not exist
 * @param methods each method as which the service may understand the call
 * @returns the scope that the application needs for the call
 */
export function neededScope(service: Service | string, methods: string[]): string {
  const name = typeof service === 'string' ? service : service.name;
  const readMethods = (typeof service === 'string' ? undefined : service.settings.readMethods) ?? [];
  const reads = methods.every((method) => SAFE.has(method) || readMethods.includes(method));
  return `connections:${name}.${reads ? 'read' : 'write'}`;
}

/**
 * Checks that an application's token has the scope. A scope that the user has withdrawn is refused like a service that
 * was never connected.
 * @param application `withdrawn`: scopes of its token that the user has withdrawn
 * @throws LatchkeyError forbidden when the token does not have the scope
 */
export function assertAllowed(
  application: { scopes: string[]; withdrawn: string[] },
  scope: string,
  service: string,
): void {
  if (covers(application.scopes, scope)) return;
  throw covers(application.withdrawn, scope) ? notConnected(service) : missingScopes([scope], 'application');
}

/**
 * The person may have denied a scope at the service. Then the service is not called, since it would refuse.
 * @param granted scopes of the credential; unset: not known @throws LatchkeyError forbidden
 */
export function assertGranted(service: Service, scope: string, granted: string | undefined): void {
  const { readScopes = [], writeScopes = [] } = service.settings;
  const isRead = scope.endsWith('.read');
  const needed = isRead ? readScopes : writeScopes;
  if (granted === undefined || needed.length === 0) return;
  const has = parseScopes(granted);
  const suitable = isRead ? [...readScopes, ...writeScopes] : writeScopes;
  if (!suitable.some((one) => has.includes(one))) throw missingScopes(needed, 'connection');
}

/** Where the connections of a person are found. */
export interface ChoiceDeps {
  findConnections(accountId: string, service: string): Promise<CallableConnection[]>;
  /** The connection that the person prefers. */
  findDefault(accountId: string, service: string): Promise<string | undefined>;
}

/** Finds the connection that an application uses. @param named by the application @throws LatchkeyError as `chooseConnection` does */
export async function findConnection(
  deps: ChoiceDeps,
  service: Service,
  { accountId, named }: { accountId: string; named: string | undefined },
): Promise<CallableConnection> {
  const connections = await deps.findConnections(accountId, service.name);
  const isUndecided = named === undefined && connections.length > 1;
  const preferred = isUndecided ? await deps.findDefault(accountId, service.name) : undefined;
  return chooseConnection(service.displayName, connections, named, preferred);
}

/**
 * Chooses the connection of a call. A person's other connections, and those of other people, are as unknown as ones that do not
 * exist.
 * @param named by the application @param preferred the person's default
 * @throws LatchkeyError forbidden, invalid_input
 */
function chooseConnection<T extends CallableConnection>(
  service: string,
  connections: T[],
  named: string | undefined,
  preferred: string | undefined,
): T {
  const active = connections.filter(({ isActive }) => isActive);
  const [only] = active;
  const isOf = (wanted: string | undefined) => active.find(({ id }) => id === wanted);
  const connection = named === undefined ? (active.length > 1 ? isOf(preferred) : only) : isOf(named);
  if (!connection && named === undefined && only)
    throw connectionRequired(active.map(({ id, email }) => ({ id, email })));
  if (!connection) throw notConnected(service);
  if (connection.syncStatus === 'error') throw needsReconnect(service, connection.syncError);
  return connection;
}
