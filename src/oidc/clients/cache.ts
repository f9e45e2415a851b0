import type { Driver } from '../../database/driver/contract.ts';
import { createFreshCache } from '../../kit/fresh-cache.ts';
import { toEngineDocument } from './client-document.ts';
import { OWN_CLIENT_ID, ownClient } from './own-client.ts';
import { findActiveClient } from './store.ts';

/** RFC 6749 appendix A.1, up to the length of the column. */
const CLIENT_ID = /^[\x21-\x7e]{1,255}$/;

type Document = Record<string, unknown>;

/** Clients for the engine, which asks for one in every request, from memory while they are fresh. */
export function createClientCache({ driver, issuer }: { driver: Driver; issuer: string }) {
  const own = Promise.resolve(ownClient(issuer));
  const findStored = createFreshCache<Document>(async (clientId) => {
    const client = await findActiveClient(driver, clientId);
    return client && toEngineDocument(client.row, client.secretHashes, issuer);
  });

  return {
    /** @returns the document as `toEngineDocument` makes it; undefined for unknown and disabled clients */
    find(clientId: string): Promise<Document | undefined> {
      if (clientId === OWN_CLIENT_ID) return own;
      // The engine passes on a list when the parameter was sent twice.
      if (typeof clientId !== 'string' || !CLIENT_ID.test(clientId)) return Promise.resolve(undefined);
      return findStored(clientId);
    },
  };
}
