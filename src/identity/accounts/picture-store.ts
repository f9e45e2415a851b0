import type { Knex } from 'knex';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { encodePicture } from './picture-format.ts';
import { assertSignedIn } from './sign-out-everywhere.ts';

const TABLE = 'T_user_pictures';
const details = { changed: ['picture'] };

interface Owner {
  accountId: string;
  sessionUid: string;
  origin: Origin;
}

type Picture = { webp: Buffer; digest: string };

/** Pictures of accounts, which applications get as the claim `picture`. */
export function createPictures({ knex, issuer }: { knex: Knex; issuer: string }) {
  const pathOf = (digest: string) => `/pictures/${digest}`;

  async function write(trx: Knex.Transaction, accountId: string, picture: Picture | undefined) {
    await trx(TABLE).where({ account_id: accountId }).delete();
    const now = new Date();
    if (picture)
      await trx(TABLE).insert({
        id: uuidv7(),
        created_at: now,
        account_id: accountId,
        content_digest: picture.digest,
        webp: picture.webp.toString('base64'),
      });
    const url = picture ? `${issuer}${pathOf(picture.digest)}` : null;
    await trx('T_accounts').where({ id: accountId }).update({ picture: url, updated_at: now });
  }

  const change = (owner: Owner, picture: Picture | undefined) =>
    inTransaction(knex, async (trx) => {
      const { accountId, sessionUid, origin } = owner;
      await assertSignedIn(trx, accountId, { session: sessionUid });
      await write(trx, accountId, picture);
      await recordEventIn(trx, { action: 'account.updated', accountId, sessionUid, details }, origin);
    });

  return {
    /** @throws LatchkeyError invalid_input with a sentence for `picture`; unauthenticated when the session has ended */
    async setPicture(owner: Owner, upload: Buffer): Promise<void> {
      await change(owner, await encodePicture(upload));
    },

    /**
     * Gives an account a picture without a session of its owner.
     * @throws LatchkeyError invalid_input with a sentence for `picture`
     */
    async setPictureOf(actor: Actor, accountId: string, upload: Buffer): Promise<void> {
      const picture = await encodePicture(upload);
      await inTransaction(knex, async (trx) => {
        await write(trx, accountId, picture);
        const event = { actorId: actor.accountId, accountId, details };
        await recordEventIn(trx, { action: 'account.updated', ...event });
      });
    },

    /** @throws LatchkeyError unauthenticated when the session has ended */
    removePicture: (owner: Owner): Promise<void> => change(owner, undefined),

    /** The path of an account's picture. */
    async findPicture(accountId: string): Promise<string | undefined> {
      const row = await knex(TABLE).where({ account_id: accountId }).first('content_digest');
      return row && pathOf(row.content_digest);
    },

    /** The picture with that digest, of an account that is active. */
    async readPicture(digest: string): Promise<Buffer | undefined> {
      const row = await knex(`${TABLE} as p`)
        .join('T_accounts as a', 'a.id', 'p.account_id')
        .where({ 'p.content_digest': digest, 'a.is_active': true })
        .first('p.webp');
      return row && Buffer.from(row.webp, 'base64');
    },
  };
}
