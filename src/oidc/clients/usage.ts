import type { Knex } from 'knex';

const HOUR_MS = 3_600_000;
/** Bound values are limited on every engine, and a statement should be short. */
const BATCH = 200;

/**
 * When an application was last used (`T_oauth_clients.last_used_at`), to the hour: what a request notes is a word in
 * memory, and a job writes it.
 */
export function createClientUsage(knex: Knex) {
  const used = new Set<string>();
  return {
    /** An application was given a code or a token. */
    note(clientId: string): void {
      used.add(clientId);
    },

    /**
     * Writes what was noted since the last time, at most once an hour for each application whichever server saw it.
     * @returns how many rows were written; what a failure left unwritten is noted again
     */
    async write(now = new Date()): Promise<number> {
      const noted = [...used];
      used.clear();
      const hourAgo = new Date(now.getTime() - HOUR_MS);
      let written = 0;
      try {
        while (noted.length > 0) {
          written += await knex('T_oauth_clients')
            .whereIn('client_id', noted.slice(0, BATCH))
            .where((row) => row.whereNull('last_used_at').orWhere('last_used_at', '<', hourAgo))
            .update({ last_used_at: now });
          noted.splice(0, BATCH);
        }
      } catch (error) {
        for (const clientId of noted) used.add(clientId);
        throw error;
      }
      return written;
    },
  };
}

export type ClientUsage = ReturnType<typeof createClientUsage>;
