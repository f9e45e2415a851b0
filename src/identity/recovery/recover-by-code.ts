import type { Knex } from 'knex';
import { createEventLimit, FAILURES_PER_HOUR } from '../../audit/event-limit.ts';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { normalise } from '../fields.ts';
import { createLink } from './links.ts';

export interface CodeRecoveryDeps {
  knex: Knex;
  findAccount(source: Knex, filter: { id: string }): Promise<{ email: string | null } | undefined>;
  recoveryCodes: {
    /** @returns the account whose code it was; undefined if it has none like that, or signs in with a password */
    consumeByName(trx: Knex.Transaction, name: string, typed: string): Promise<string | undefined>;
  };
  /** Notifies the owner of the account. */
  notify(accountId: string, event: 'recovery_code_used'): void;
}

/** Getting back into an account without a password by one of its recovery codes, for people who have lost every passkey. */
export function createCodeRecovery(deps: CodeRecoveryDeps) {
  const { knex } = deps;
  const limit = createEventLimit(FAILURES_PER_HOUR);

  return {
    /**
     * Uses up a recovery code and creates a link that can add a passkey for an hour, so that a failed ceremony costs no
     * second code. A failure runs the same SQL and returns the same whether or not the account exists.
     * @param input `name`: the username or confirmed address, `code`: both as they were typed
     * @returns the token of the link; undefined when the code is not one of that account, or the account has a password
     */
    async exchangeRecoveryCode(
      input: { name: string; code: string },
      origin?: Origin,
    ): Promise<string | undefined> {
      const opened = await inTransaction(knex, async (trx) => {
        const accountId = await deps.recoveryCodes.consumeByName(trx, normalise(input.name), input.code);
        if (accountId === undefined) {
          const event = { action: 'recovery_code.refused', success: false, actorId: null };
          const toRecord = limit({ action: event.action });
          if (toRecord) await recordEventIn(trx, { ...event, ...toRecord }, origin);
          return undefined;
        }
        const email = (await deps.findAccount(trx, { id: accountId }))?.email ?? '';
        const token = await createLink(trx, { accountId, purpose: 'recovery_code', email });
        await recordEventIn(trx, { action: 'recovery_code.used', accountId }, origin);
        return { accountId, token };
      }).catch((error: unknown) => {
        // Two codes of one account at the same moment: one of them opens.
        if (isDuplicate(error)) return undefined;
        throw error;
      });
      if (opened) deps.notify(opened.accountId, 'recovery_code_used');
      return opened?.token;
    },
  };
}
