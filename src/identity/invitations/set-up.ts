import type { Knex } from 'knex';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { hashedCode, invitationUrl } from './codes.ts';
import { putInvitation, SET_UP_ID } from './store.ts';

const SET_UP_LINK_LIFETIME_MS = 24 * 3_600_000;

export interface SetUpDeps {
  knex: Knex;
  issuer: string;
  /** Whether an active account administers this server. */
  hasAdministrator(source: Knex): Promise<boolean>;
}

/** The invitation with which the first administrator signs up. */
export function createSetUp({ knex, issuer, hasAdministrator }: SetUpDeps) {
  return {
    isAdministered: (): Promise<boolean> => hasAdministrator(knex),

    /**
     * Creates a link that works once and for a day. It replaces an earlier one.
     * @throws LatchkeyError conflict when the server has an administrator
     */
    async createSetUpLink(actor: Actor): Promise<{ url: string; expires_at: string }> {
      const { code, hash } = hashedCode();
      const expiresAt = new Date(Date.now() + SET_UP_LINK_LIFETIME_MS);
      const create = () =>
        inTransaction(knex, async (trx) => {
          await putInvitation(trx, {
            id: SET_UP_ID,
            codeHash: hash,
            label: 'The first administrator',
            email: null,
            scopes: ['*:*'],
            roles: [],
            createdBy: null,
            maxUses: 1,
            expiresAt,
          });
          if (await hasAdministrator(trx))
            throw new LatchkeyError(
              'conflict',
              'already_administered',
              'This server has an administrator already. To invite people: latchkey invite create --as USERNAME',
            );
          await recordEventIn(trx, { action: 'set_up_link.created', actorId: actor.accountId });
        });
      await create().catch((error) => {
        // Another server that started at the same moment added the row, so now it can be replaced.
        if (!isDuplicate(error)) throw error;
        return create();
      });
      return { url: invitationUrl(issuer, code), expires_at: expiresAt.toISOString() };
    },
  };
}
