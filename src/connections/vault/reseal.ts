import type { Knex } from 'knex';
import type { Secrets } from '../../kit/secrets.ts';
import { countSealed, listSealed, replaceSealed, sealAgain } from './sealed-store.ts';

const ROWS_PER_BATCH = 200;

export interface Resealed {
  /** Credentials that were sealed again. */
  resealed: number;
  /** Credentials that had the newest key already. */
  unchanged: number;
  /** The connections whose credentials do not open. They are left as they are. */
  damaged: string[];
}

/** @returns undefined when a token does not open */
function trySealing(
  ...[secrets, row]: Parameters<typeof sealAgain>
): ReturnType<typeof sealAgain> | undefined {
  try {
    return sealAgain(secrets, row);
  } catch {
    return undefined;
  }
}

/**
 * Seals every credential with the newest key of LATCHKEY_SECRETS, so that an older key can be removed. Servers go on
 * in the meantime; an interrupted run is continued by the next one.
 * @param onProgress gets the number of rows of each batch, after the number of all
 */
export async function resealCredentials(
  knex: Knex,
  secrets: Pick<Secrets, 'open' | 'seal' | 'isNewest'>,
  onProgress: { begin(rows: number): void; add(rows: number): void },
): Promise<Resealed> {
  const outcome: Resealed = { resealed: 0, unchanged: 0, damaged: [] };
  onProgress.begin(await countSealed(knex));
  let after = '';
  for (;;) {
    const rows = await listSealed(knex, after, ROWS_PER_BATCH);
    if (rows.length === 0) return outcome;
    for (const row of rows) {
      const { id, access_token_sealed: access, refresh_token_sealed: refresh } = row;
      after = id;
      if (secrets.isNewest(access) && (refresh === null || secrets.isNewest(refresh))) {
        outcome.unchanged += 1;
        continue;
      }
      const tokens = trySealing(secrets, row);
      if (tokens) await replaceSealed(knex, row, tokens);
      if (tokens) outcome.resealed += 1;
      else outcome.damaged.push(row.user_provider_id);
    }
    onProgress.add(rows.length);
  }
}
