import type { Knex } from 'knex';
import { extendRegistrations } from './registered-store.ts';
import { markUsed } from './store.ts';

const HOUR_MS = 3_600_000;
/** Clients in one UPDATE: engines limit the bound values of a statement. */
const MAX_WRITTEN_AT_ONCE = 200;

/**
 * When each client was last used (`T_oauth_clients.last_used_at`), to the hour. Requests only note a client in
 * memory, and a job writes what they noted: a write per request would be as expensive as the request.
 * @param registrationTtl seconds since their last use for which applications that registered themselves are kept
 */
export function createClientUsage(knex: Knex, registrationTtl: number) {
  const used = new Set<string>();
  return {
    /** Notes that a client was given a code or a token. */
    recordUse(clientId: string): void {
      used.add(clientId);
    },

    /**
     * Writes the clients noted since the last call, each at most once an hour, counting all servers.
     * @returns how many rows were written; if it throws, clients that were not written are noted again
     */
    async write(now = new Date()): Promise<number> {
      const noted = [...used];
      used.clear();
      const hourAgo = new Date(now.getTime() - HOUR_MS);
      let written = 0;
      try {
        while (noted.length > 0) {
          const batch = noted.slice(0, MAX_WRITTEN_AT_ONCE);
          written += await markUsed(knex, batch, now, hourAgo);
          await extendRegistrations(knex, batch, new Date(now.getTime() + registrationTtl * 1000));
          noted.splice(0, MAX_WRITTEN_AT_ONCE);
        }
      } catch (error) {
        for (const clientId of noted) used.add(clientId);
        throw error;
      }
      return written;
    },
  };
}
