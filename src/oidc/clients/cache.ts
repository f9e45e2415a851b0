import type { Driver } from '../../database/driver/contract.ts';
import { toEngineDocument } from './client-document.ts';
import { OWN_CLIENT_ID, ownClient } from './own-client.ts';
import { findActiveClient } from './store.ts';

/** After this time a client is read again, so that every server refuses a disabled one within a second. */
const FRESH_MS = 900;
const MAX_CLIENTS = 1000;
/** RFC 6749 appendix A.1, up to the length of the column. */
const CLIENT_ID = /^[\x21-\x7e]{1,255}$/;

type Document = Record<string, unknown>;

/** Clients for the engine, which asks for one in every request, from memory while they are fresh. */
export function createClientCache({ driver, issuer }: { driver: Driver; issuer: string }) {
  const cache = new Map<string, { readAt: number; document: Promise<Document | undefined> }>();
  const own = Promise.resolve(ownClient(issuer));

  async function read(clientId: string): Promise<Document | undefined> {
    const client = await findActiveClient(driver, clientId);
    return client && toEngineDocument(client.row, client.secretHashes, issuer);
  }

  return {
    /** @returns the document as `toEngineDocument` makes it; undefined for unknown and disabled clients */
    find(clientId: string): Promise<Document | undefined> {
      if (clientId === OWN_CLIENT_ID) return own;
      // The engine passes on a list when the parameter was sent twice.
      if (typeof clientId !== 'string' || !CLIENT_ID.test(clientId)) return Promise.resolve(undefined);
      const cached = cache.get(clientId);
      if (cached && Date.now() - cached.readAt < FRESH_MS) return cached.document;
      cache.delete(clientId);
      if (cache.size >= MAX_CLIENTS) cache.delete(cache.keys().next().value as string);
      const document = read(clientId);
      cache.set(clientId, { readAt: Date.now(), document });
      document.then(
        // Unknown ids are not kept: requests with made-up ones could push out the real ones.
        (found) => found || cache.delete(clientId),
        () => cache.delete(clientId),
      );
      return document;
    },
  };
}
