import type { Knex } from 'knex';
import type { Secrets } from '../../kit/secrets.ts';
import { listServiceRows, openSecret, replaceSecret } from './store.ts';

/** What sealing again did with the secrets of clients. */
export interface ResealedServices {
  resealed: number;
  /** How many had the newest key already. */
  unchanged: number;
  /** The names of services whose secret does not open. It is left as it is. */
  damaged: string[];
}

/** Seals the secret of every client with the newest key of LATCHKEY_SECRETS, so that an older key can be removed. */
export async function resealSecrets(
  knex: Knex,
  secrets: Pick<Secrets, 'open' | 'seal' | 'isNewest'>,
): Promise<ResealedServices> {
  const outcome: ResealedServices = { resealed: 0, unchanged: 0, damaged: [] };
  for (const row of await listServiceRows(knex)) {
    if (row.client_secret_sealed === null) continue;
    if (secrets.isNewest(row.client_secret_sealed)) {
      outcome.unchanged += 1;
      continue;
    }
    let secret: string | undefined;
    try {
      secret = openSecret(row, secrets);
    } catch {
      outcome.damaged.push(row.service_name);
      continue;
    }
    // One that was set in the meantime has the newest key.
    if (secret !== undefined && (await replaceSecret(knex, row, secret, secrets))) outcome.resealed += 1;
  }
  return outcome;
}
