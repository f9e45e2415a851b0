import { parseConnectionScope, tokenScopeOf } from '../access/connection-scopes.ts';
import { describeConnectionScope } from '../access/consent-descriptions.ts';
import { describeMissingScopes, describeServiceScopes } from '../access/service-scope-descriptions.ts';
import type { ConnectionUse } from '../connections/connect/uses.ts';
import type { Service } from '../connections/services/service-config.ts';
import { maySignIn as isSignInAllowed } from '../connections/sign-in/service.ts';
import type { Connection } from '../connections/vault/connection-store.ts';
import type { AllowedApplication } from '../oidc/consents/applications.ts';

/** Why a connection does not work, by its stable code, after the name of the service. */
const REASONS: Record<string, string> = {
  credential_damaged: 'What we kept cannot be read any more.',
  reauthentication_required: 'It asks you to sign in there again.',
  refresh_interrupted: 'This server was interrupted while it renewed the access.',
  refused_by_administrator: 'The administrators of your account there do not allow it.',
};
const REVOKED = 'Our access ended there. You may have ended it, or changed your password.';

const LEVELS = {
  read: 'Can read',
  write: 'Can read and change',
  admin: 'Can do everything that the key allows',
} as const;

/** What applications can do with a connection, as a sentence. */
function describeAccess({ isActive, scope, accessLevel }: Connection): string {
  if (!isActive) return 'Applications cannot use it.';
  const granted = describeServiceScopes(scope);
  return granted.length > 0 ? `${granted.join('; ')}.` : `${LEVELS[accessLevel]}.`;
}

/** A connection, as its owner sees it. */
export function describeConnection(connection: Connection, service: Service | undefined) {
  const { id, email, displayName, externalId, scope, isActive, syncStatus, syncError } = connection;
  const isBroken = syncStatus === 'error';
  return {
    id,
    service: connection.service,
    serviceName: service?.displayName ?? connection.service,
    account: email ?? displayName ?? externalId,
    can: describeAccess(connection),
    isForApplications: isActive,
    maySignIn: connection.maySignIn,
    isSignInOffered: service !== undefined && isSignInAllowed(service),
    missing: service && isActive ? describeMissingScopes(service.scopes, scope) : [],
    connectedAt: connection.createdAt.toISOString(),
    lastUsedAt: connection.lastUsedAt?.toISOString(),
    isBroken,
    reason: isBroken ? (REASONS[syncError ?? ''] ?? REVOKED) : undefined,
    isServiceActive: service?.isActive === true,
  };
}

/** What is enough to connect, for a page without a form of its own. */
export const describeService = ({ name, displayName, authType }: Service) => ({
  name,
  displayName,
  takesKey: authType === 'api_key',
});

/** The applications that may use a person's accounts at a service. */
export const applicationsOf = (service: string, displayName: string, list: AllowedApplication[]) =>
  list.flatMap(({ clientId, name, scopes }) => {
    const allowed = scopes.filter((scope) => parseConnectionScope(scope)?.service === service);
    if (allowed.length === 0) return [];
    const texts = allowed.map((scope) => describeConnectionScope(scope, displayName) ?? scope);
    return [{ clientId, name, allowed: texts, holdsToken: allowed.includes(tokenScopeOf(service)) }];
  });

const SYNCS: Record<string, string> = {
  full_sync: 'read your profile and first pages',
  incremental_sync: 'read what had changed',
  single_item_sync: 'read',
};

/** @returns a use as a sentence without its full stop @param accounts the names of connections by their ids, where there are several */
export function describeUse(use: ConnectionUse, accounts: Map<string, string>) {
  const { clientId, clientName, action, resource = '', status, connectionId, at } = use;
  const who = clientId === undefined ? 'This server' : (clientName ?? 'A deleted application');
  const account = accounts.size > 1 && connectionId ? accounts.get(connectionId) : undefined;
  const [method = '', path = ''] = resource.split(' ');
  const isCall = action === 'api_call';
  const hasFailed = status === 'failed' || status === 'cancelled';
  if (action === 'token_handout') {
    const did = hasFailed
      ? 'asked for a token, which is a key to your account'
      : 'was given a token, which is a key to your account';
    return { who, act: did, what: '', account, hasFailed, at };
  }
  const reads = ['GET', 'HEAD', 'OPTIONS'].includes(method);
  const act = isCall ? (reads ? 'read' : path ? 'changed' : 'used') : (SYNCS[action] ?? 'read');
  return {
    who,
    act: hasFailed ? `tried to ${isCall ? 'use' : 'read'}` : act,
    what: isCall ? path || resource : action === 'single_item_sync' ? resource : '',
    account,
    hasFailed,
    at,
  };
}
