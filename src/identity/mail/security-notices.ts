import type { Knex } from 'knex';
import { messages, type SecurityEvent } from './messages.ts';
import type { MailSender } from './send.ts';

export interface SecurityNoticesDeps {
  knex: Knex;
  issuer: string;
  mail: MailSender;
  findAccount(
    source: Knex,
    filter: { id: string },
  ): Promise<{ username: string; email: string | null } | undefined>;
}

/** Mail about changes to how an account can be signed in to. */
export function createSecurityNotices({ knex, issuer, mail, findAccount }: SecurityNoticesDeps) {
  /**
   * Mails the owner, if the account has an e-mail address.
   * @param key the name of the passkey or security key, if the event is about one
   * @throws LatchkeyError unavailable when the mail server did not accept the message
   */
  return async (accountId: string, event: SecurityEvent, key = ''): Promise<void> => {
    const account = await findAccount(knex, { id: accountId });
    if (!account?.email) return;
    const message = messages.securityNotice({ issuer, username: account.username, event, key });
    await mail.send(message, account.email, { accountId });
  };
}
