import { parseScopes } from '../../access/scopes.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { digest } from '../../kit/ids.ts';
import type { RunningUse, UseLog } from '../log/index.ts';
import { type ChoiceDeps, findConnection } from '../proxy/permission.ts';
import { callRateLimited, missingScopes, notConnected } from '../refusals.ts';
import type { Service } from '../services/service-config.ts';
import type { VaultCredential } from '../vault/credential-store.ts';

export interface HandoutDeps extends ChoiceDeps {
  findService(name: string): Promise<Service | undefined>;
  /** @throws LatchkeyError when the credential cannot be used */
  getCredential(connectionId: string): Promise<VaultCredential>;
  /** Notes the use in memory. */
  recordUse(connectionId: string): void;
  /** @returns after how many seconds it may be done; undefined: now */
  countCall(key: string, limit: { requests: number; seconds: number }): Promise<number | undefined>;
  useLog: Pick<UseLog, 'begin'>;
}

interface HandoutRequest {
  accountId: string;
  clientId: string;
  service: string;
  /** Which of several accounts. */
  connectionId: string | undefined;
  /** Scopes of the service that the token must have. */
  scopes: string[];
}

/** How often one application can get the token of one connection. A token lives for an hour at most services, so an application asks rarely. */
const LIMIT = { requests: 60, seconds: 60 };

const keysStay = (service: string) =>
  new LatchkeyError(
    'forbidden',
    'keys_not_handed_out',
    `The keys of ${service} never expire and can do everything, so applications get none. Call it through the proxy of connections.`,
    { members: { service } },
  );

/** Seconds for which it lives, or undefined if the service has not said. */
const lifeOf = ({ expiresAt }: VaultCredential) =>
  expiresAt && Math.max(0, Math.floor((expiresAt.getTime() - Date.now()) / 1000));

/** @param granted unset: the service has not said @throws LatchkeyError missing_scopes */
function checkGranted(asked: string[], granted: string | undefined): void {
  if (granted === undefined) return;
  const has = parseScopes(granted);
  const missing = asked.filter((scope) => !has.includes(scope));
  if (missing.length > 0) throw missingScopes(missing, 'connection');
}

/**
 * @returns the function that gives an application the access token of a connection, refreshed if it ends soon. Whether the
 *   application may have it, the caller has decided. The refresh token never leaves. Each hand-out, also one that fails, is
 *   in the log of uses; the function throws LatchkeyError with the codes of the proxy.
 */
export function createHandout(deps: HandoutDeps) {
  async function give(service: Service, request: HandoutRequest, use: RunningUse) {
    if (service.authType !== 'oauth2') throw keysStay(service.displayName);
    const { accountId, connectionId: named } = request;
    const { id } = await findConnection(deps, service, { accountId, named });
    use.setConnection(id);
    const wait = await deps.countCall(digest(`${request.clientId} ${id}`), LIMIT);
    if (wait !== undefined) throw callRateLimited(wait);
    const credential = await deps.getCredential(id);
    checkGranted(request.scopes, credential.scope);
    deps.recordUse(id);
    const { accessToken, tokenType, scope } = credential;
    return { connectionId: id, accessToken, tokenType, scope, expiresIn: lifeOf(credential) };
  }

  return async (request: HandoutRequest) => {
    const service = await deps.findService(request.service);
    if (!service) throw notConnected(request.service);
    const { accountId, clientId } = request;
    const use = deps.useLog.begin({
      accountId,
      clientId,
      service: service.name,
      action: 'token_handout',
    });
    try {
      const token = await give(service, request, use);
      use.end({ status: 'completed' });
      return token;
    } catch (error) {
      const known = error instanceof LatchkeyError ? error : undefined;
      const errorCode = known?.code ?? 'internal_error';
      use.end({ status: 'failed', errorCode, errorMessage: known?.message });
      throw error;
    }
  };
}
