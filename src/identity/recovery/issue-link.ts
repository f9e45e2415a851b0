import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import type { LinkPurpose } from './link-lifetimes.ts';
import { createLink } from './links.ts';

/**
 * Creates a link and its audit row in one transaction.
 * @param before runs first in that transaction
 * @returns its token; undefined when another request creates one at the same moment
 */
export async function issueLink(
  knex: Knex,
  link: { accountId: string; purpose: LinkPurpose; email: string },
  event: { action: string; accountId: string | null; target?: string },
  origin: Origin | undefined,
  before?: (trx: Knex.Transaction) => Promise<void>,
): Promise<string | undefined> {
  try {
    return await inTransaction(knex, async (trx) => {
      await before?.(trx);
      const token = await createLink(trx, link);
      await recordEventIn(trx, { ...event, actorId: null }, origin);
      return token;
    });
  } catch (error) {
    if (isDuplicate(error)) return undefined;
    throw error;
  }
}
