import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import type { Mail, Mailer } from '../../kit/mail.ts';
import type { Letter } from './messages.ts';

export interface Post {
  /** Without a mailer nothing is ever sent: the pages then say so. */
  sends: boolean;
  /**
   * Hands a letter over and tells of it in the audit log, without the address.
   * @param about whose account it is about, if anybody's; `target` what it is about
   * @throws LatchkeyError unavailable when the mail server did not take it, which is in the audit log too
   */
  deliver(letter: Letter, to: string, about?: { accountId?: string; target?: string }): Promise<void>;
}

/** Letters as mail. @param deps `render` gives a letter its two forms */
export function createPost(deps: {
  knex: Knex;
  mailer: Mailer | undefined;
  render(letter: Letter): Pick<Mail, 'text' | 'html'>;
}): Post {
  const { knex, mailer } = deps;
  return {
    sends: mailer !== undefined,
    async deliver(letter, to, about = {}) {
      if (!mailer) return;
      const told = { ...about, actorId: null, details: { kind: letter.kind } };
      try {
        await mailer.send({ to, subject: letter.subject, ...deps.render(letter) });
      } catch (error) {
        const { responseCode, code } = ((error as Error).cause ?? {}) as Record<string, unknown>;
        const errorCode = String(responseCode ?? code ?? 'unknown');
        await knex.transaction((trx) =>
          recordEventIn(trx, { action: 'mail.failed', ...told, success: false, errorCode }),
        );
        throw error;
      }
      await knex.transaction((trx) => recordEventIn(trx, { action: 'mail.sent', ...told }));
    },
  };
}
