import { createHmac } from 'node:crypto';
import type { Knex } from 'knex';
import { isDuplicate } from '../database/transaction.ts';
import { randomToken, uuidv7 } from '../kit/ids.ts';

const TABLE = 'T_pairwise_salts';
/** The table has one row, with this number. Another salt would make every user a stranger to every application with pairwise subjects. */
const ONLY_ROW = 1;

/** @returns the `sub` of an account for the applications of a sector */
export type FindPairwiseSubject = (sector: string, accountId: string) => string;

const findSalt = async (knex: Knex): Promise<string | undefined> =>
  (await knex(TABLE).where({ number: ONLY_ROW }).first('salt'))?.salt;

/** If several servers start at once, the unique index lets one of them create the salt. */
async function createSalt(knex: Knex): Promise<string | undefined> {
  await knex(TABLE)
    .insert({ id: uuidv7(), created_at: new Date(), number: ONLY_ROW, salt: randomToken() })
    .catch((error) => {
      if (!isDuplicate(error)) throw error;
    });
  return findSalt(knex);
}

/**
 * Pairwise subjects (OpenID Connect Core section 8.1). The salt is in the database and not derived from LATCHKEY_SECRETS, so
 * that subjects stay the same when secrets are rotated.
 */
export async function loadPairwiseSubjects(knex: Knex): Promise<FindPairwiseSubject> {
  const salt = (await findSalt(knex)) ?? (await createSalt(knex));
  if (salt === undefined) throw new Error(`The row of ${TABLE} was deleted while the server started.`);
  return (sector, accountId) =>
    createHmac('sha256', salt).update(`${sector}\n${accountId}`).digest('base64url');
}
