import type { Knex } from 'knex';
import { CONTACT, harmless, type Message } from './messages.ts';
import type { MailSender } from './send.ts';

/** A way to sign in, or the name to sign in with, was added, changed, removed or used, or may have been copied. */
const SECURITY_EVENTS = {
  key_added: {
    subject: 'A key was added to your account',
    line: 'A passkey or security key was added to your account.',
  },
  key_signed: {
    subject: 'A key of your account can now sign in',
    line: 'A new key of your account was approved. It can now be used to sign in.',
  },
  key_removed: {
    subject: 'A key was removed from your account',
    line: 'A passkey or security key was removed from your account.',
  },
  counter_regressed: {
    subject: 'A key of your account may have been copied',
    line: 'One of your keys answered as if it existed twice. It may have been copied.',
  },
  totp_added: {
    subject: 'An authenticator app was added to your account',
    line: 'An authenticator app was added to your account. Its codes now work as a second factor.',
  },
  totp_removed: {
    subject: 'An authenticator app was removed from your account',
    line: 'An authenticator app was removed from your account. Its codes no longer work.',
  },
  password_added: {
    subject: 'A password was set for your account',
    line: 'Your account had no password. Now it can be signed in to with one.',
  },
  password_removed: {
    subject: 'The password of your account was removed',
    line: 'The password of your account was removed. Only passkeys can sign in to it now.',
  },
  username_changed: {
    subject: 'The username of your account was changed',
    line: 'The username of your account was changed. The new one is below. Use it the next time you sign in.',
  },
  recovery_code_used: {
    subject: 'A recovery code was used',
    line: 'Someone used a recovery code of your account to create a new passkey.',
  },
  recovery_used: {
    subject: 'A recovery code was used',
    line: 'Someone signed in to your account with a recovery code.',
  },
};
export type SecurityEvent = keyof typeof SECURITY_EVENTS;

/** @param input `key`: its name, if the event is about a key */
const securityNotice = (input: {
  issuer: string;
  username: string;
  event: SecurityEvent;
  key: string;
}): Message => ({
  kind: input.event,
  subject: SECURITY_EVENTS[input.event].subject,
  lines: [
    SECURITY_EVENTS[input.event].line,
    `Account: ${harmless(input.username)}`,
    ...(input.key === '' ? [] : [`Key: ${harmless(input.key)}`]),
  ],
  link: { label: 'Review your keys', url: `${input.issuer}/account/security` },
  closing: [
    'If this was you, you do not need to do anything.',
    `If it was not you, review your keys now, remove those that are not yours, and ${CONTACT}.`,
  ],
});

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
    const message = securityNotice({ issuer, username: account.username, event, key });
    await mail.send(message, account.email, { accountId });
  };
}
