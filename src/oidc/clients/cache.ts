import type { Driver } from '../../database/driver/contract.ts';
import { createFreshCache } from '../../kit/fresh-cache.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { isDocumentUrl, toEngineDocument } from './client-document.ts';
import { OWN_CLIENT_ID, ownClient } from './own-client.ts';
import { openSecret } from './secret-store.ts';
import { findActiveClient } from './store.ts';

/** RFC 6749 appendix A.1, up to the length of the column. */
const CLIENT_ID = /^[\x21-\x7e]{1,255}$/;

type Document = Record<string, unknown>;

/** Clients for the engine, which asks for one in every request, from memory while they are fresh. */
export function createClientCache(deps: {
  driver: Driver;
  server: { issuer: string; implicitGrant: boolean };
  secrets: Pick<Secrets, 'open'>;
}) {
  const { driver, server, secrets } = deps;
  const own = Promise.resolve(ownClient(server.issuer));
  const findStored = createFreshCache<Document>(async (clientId) => {
    const client = await findActiveClient(driver, clientId);
    if (!client) return undefined;
    const opened = client.secrets.map((secret) => openSecret(secrets, secret));
    const used = {
      hashes: client.secrets.map(({ hash }) => hash),
      opened: opened.filter((secret) => secret !== undefined),
    };
    return toEngineDocument(client.row, used, server);
  });

  return {
    /** @returns the document as `toEngineDocument` makes it; undefined for unknown and disabled clients */
    find(clientId: string): Promise<Document | undefined> {
      if (clientId === OWN_CLIENT_ID) return own;
      // The engine passes on a list when the parameter was sent twice.
      if (typeof clientId !== 'string' || !CLIENT_ID.test(clientId) || isDocumentUrl(clientId))
        return Promise.resolve(undefined);
      return findStored(clientId);
    },

    /** After a change by this server. Others notice it within a second. */
    forget: findStored.forget,
  };
}
