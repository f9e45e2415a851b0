import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Driver } from '../../database/driver/contract.ts';
import { findUnit } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { createFreshCache } from '../../kit/fresh-cache.ts';
import type { EngineClient } from '../clients/client-document.ts';
import { SELECT_REGISTERED } from '../clients/registered-store.ts';

/** The length of the column `client_id`. */
const MAX_URL_LENGTH = 255;
/** How long a document is kept in memory at least and at most, whatever its headers say. */
const CACHE_SECONDS = { min: 300, max: 86_400 };

interface DocumentDeps {
  driver: Pick<Driver, 'readOne'>;
  /** Whether they are accepted at all. */
  isEnabled: boolean;
  /** Counts a document that is to be fetched. @throws LatchkeyError rate_limited */
  countFetch(ip: string | undefined): Promise<void>;
}

/**
 * Client ID Metadata Documents (draft-ietf-oauth-client-id-metadata-document) for the engine, which fetches, checks and keeps
 * them. `metadata-rules.ts` bounds what they say.
 */
export function createMetadataDocuments({ driver, isEnabled, countFetch }: DocumentDeps) {
  /** An application without a row is one that no user has allowed yet. */
  const findState = createFreshCache(async (clientId) => {
    const row = await driver.readOne(SELECT_REGISTERED, { client_id: clientId });
    return { isDisabled: row !== undefined && !row.is_active };
  });

  return {
    enabled: isEnabled,
    // The engine implements draft-02. Documents of draft-00 and draft-03 have the same members.
    ack: 'draft-02',
    cacheDuration: CACHE_SECONDS,

    /** Whether a document that is not in memory may be fetched. Anyone can name one, so each address may name a limited number. */
    async allowFetch(_ctx: unknown, clientId: string): Promise<boolean> {
      if (clientId.length > MAX_URL_LENGTH) return false;
      try {
        const unit = findUnit();
        // A job fetches only those that users have allowed.
        if (unit) await countFetch(unit.origin.ip);
        return true;
      } catch (error) {
        if (error instanceof LatchkeyError && error.kind === 'rate_limited') return false;
        throw error;
      }
    },

    /** Refuses an application that an operator has disabled. */
    allowClient: async (_ctx: KoaContextWithOIDC | undefined, { clientId }: EngineClient): Promise<boolean> =>
      !(await findState(clientId))?.isDisabled,
  };
}
