import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import type { Background } from '../../kit/background.ts';
import type { SignedInBy } from '../accounts/sign-out-everywhere.ts';
import * as store from './store.ts';

export interface AccountDataDeps {
  knex: Knex;
  issuer: string;
  background: Background;
  findAccount(source: Knex, filter: { id: string }): Promise<{ username: string } | undefined>;
  /** Locks the account. @throws LatchkeyError unauthenticated when the session has ended */
  assertSignedIn(trx: Knex.Transaction, accountId: string, by: SignedInBy): Promise<void>;
}

/** Archives with the data of an account. They are made by a job, because a response must not wait for one. */
export function createAccountData(deps: AccountDataDeps) {
  const { knex } = deps;
  const host = new URL(deps.issuer).host;

  /** Makes every archive that waits. The writer and its library are loaded when the first one does. */
  async function makeArchives(): Promise<number> {
    let made = 0;
    for (;;) {
      const request = await store.takeRequest(knex);
      if (!request) return made;
      const account = await deps.findAccount(knex, { id: request.accountId });
      if (!account) continue;
      const { writeArchive } = await import('./archive.ts');
      const owner = { id: request.accountId, username: account.username, host };
      const archive = await writeArchive(knex, owner, (done) => store.recordProgress(knex, request.id, done));
      await store.finishArchive(knex, request.id, archive);
      made += 1;
    }
  }

  return {
    /**
     * Requests an archive, which replaces the earlier one. A request that waits is left alone.
     * @throws LatchkeyError unauthenticated when the session has ended
     */
    async requestArchive(owner: { accountId: string; sessionUid: string; origin: Origin }): Promise<void> {
      const { accountId, sessionUid, origin } = owner;
      const { countParts } = await import('./archive.ts');
      await inTransaction(knex, async (trx) => {
        await deps.assertSignedIn(trx, accountId, { session: sessionUid });
        if (await store.insertRequest(trx, accountId, countParts()))
          await recordEventIn(trx, { action: 'data.requested', accountId, sessionUid }, origin);
      });
      deps.background.run('archive', makeArchives);
    },

    find: (accountId: string) => store.findArchive(knex, accountId),

    /** @returns the zip; undefined when none is ready */
    read: (accountId: string): Promise<Buffer | undefined> => store.readArchive(knex, accountId),

    /** The job for requests that the server which took them did not finish. Safe at several servers at once. */
    makeArchives,
  };
}
