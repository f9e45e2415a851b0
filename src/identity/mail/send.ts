import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import type { Mail, Mailer } from '../../kit/smtp.ts';
import type { Message } from './messages.ts';

export interface MailSender {
  /** False without a mail server. Nothing is sent then, and pages say so. */
  isEnabled: boolean;
  /**
   * Sends a message, and records that in the audit log without the address.
   * @param about what the message concerns: an account (`accountId`), or something else by its id (`target`)
   * @throws LatchkeyError unavailable when the mail server did not accept it, which is recorded too
   */
  send(message: Message, to: string, about?: { accountId?: string; target?: string }): Promise<void>;
}

/** @param deps `mailer`: unset without a mail server; `render`: renders a message as plain text and as HTML */
export function createMailSender(deps: {
  knex: Knex;
  mailer: Mailer | undefined;
  render(message: Message): Pick<Mail, 'text' | 'html'>;
}): MailSender {
  const { knex, mailer } = deps;
  return {
    isEnabled: mailer !== undefined,
    async send(message, to, about = {}) {
      if (!mailer) return;
      const event = { ...about, actorId: null, details: { kind: message.kind } };
      try {
        await mailer.send({ to, subject: message.subject, ...deps.render(message) });
      } catch (error) {
        const { responseCode, code } = ((error as Error).cause ?? {}) as Record<string, unknown>;
        const errorCode = String(responseCode ?? code ?? 'unknown');
        await knex.transaction((trx) =>
          recordEventIn(trx, { ...event, action: 'mail.failed', success: false, errorCode }),
        );
        throw error;
      }
      await knex.transaction((trx) => recordEventIn(trx, { ...event, action: 'mail.sent' }));
    },
  };
}
