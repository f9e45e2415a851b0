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
  password_changed: {
    subject: 'The password of your account was changed',
    line: 'The password of your account was changed, and other browsers were signed out.',
  },
  password_reset: {
    subject: 'A new password was set for your account',
    line: 'A new password was set for your account with a link that we sent by e-mail.',
  },
  password_removed: {
    subject: 'The password of your account was removed',
    line: 'The password of your account was removed. Only passkeys can sign in to it now.',
  },
  username_changed: {
    subject: 'The username of your account was changed',
    line: 'The username of your account was changed. The new one is below. Use it the next time you sign in.',
  },
  email_change_requested: {
    subject: 'Confirm the change of your e-mail address',
    line: 'Someone asked to change the e-mail address of your account. It changes when the link that we sent to the new address is opened.',
  },
  email_changed: {
    subject: 'The e-mail address of your account was changed',
    line: 'The e-mail address of your account was changed. We no longer send mail to this one.',
  },
  connection_added: {
    subject: 'An account at another service was connected',
    line: 'An account at another service was connected to your account. Applications that you allow can use it.',
  },
  connection_removed: {
    subject: 'An account at another service was disconnected',
    line: 'An account at another service was disconnected from your account. Applications can no longer use it.',
  },
  connection_sign_in_added: {
    subject: 'Your account can be signed in to with another service',
    line: 'An account at another service can now be used to sign in to your account.',
  },
  connection_sign_in_removed: {
    subject: 'Your account is no longer signed in to with another service',
    line: 'An account at another service can no longer be used to sign in to your account.',
  },
  account_closing: {
    subject: 'Your account will be deleted in seven days',
    line: 'Someone closed your account. It is signed out everywhere, and deleted in seven days. To keep it, sign in before then.',
  },
  account_kept: {
    subject: 'Your account is kept',
    line: 'Your account was closed, and someone has signed in to it since. It will not be deleted.',
  },
  recovery_codes_created: {
    subject: 'Recovery codes were created for your account',
    line: 'New recovery codes were created for your account. Earlier ones no longer work.',
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

/** After these, the key can sign in. The link of the mail ends that. */
const KEY_GAINED = new Set<SecurityEvent>(['key_added', 'key_signed']);

/** @param event as it was stored with the link @returns a sentence about it */
export const describeNotice = (event: string): string =>
  Object.hasOwn(SECURITY_EVENTS, event)
    ? SECURITY_EVENTS[event as SecurityEvent].line
    : 'Your account was changed.';

/** The key that an event is about. */
interface NoticeKey {
  id: string;
  name: string;
}

/** What a message says beside the event. */
export interface NoticeDetails {
  key?: NoticeKey | undefined;
  to?: string | undefined;
  service?: string | undefined;
}

/** @param input `token`: of the link with which the owner says that it was not them */
const securityNotice = (input: {
  issuer: string;
  username: string;
  event: SecurityEvent;
  key: NoticeKey | undefined;
  service: string | undefined;
  token: string;
}): Message => ({
  kind: input.event,
  subject: SECURITY_EVENTS[input.event].subject,
  lines: [
    SECURITY_EVENTS[input.event].line,
    `Account: ${harmless(input.username)}`,
    ...(input.key === undefined ? [] : [`Key: ${harmless(input.key.name)}`]),
    ...(input.service === undefined ? [] : [`Service: ${harmless(input.service)}`]),
    'If this was you, you do not need to do anything.',
  ],
  link: { label: 'This was not me', url: `${input.issuer}/not-me?token=${input.token}` },
  closing: [
    'The link signs your account out everywhere. It works once, for seven days.',
    `If you cannot sign in afterwards, ${CONTACT}.`,
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
  /** @returns the token of a link with which the owner says that it was not them */
  createNoticeLink(
    source: Knex,
    notice: { accountId: string; event: string; keyId: string | null; email: string },
  ): Promise<string>;
}

/** Mail about changes to how an account can be signed in to. */
export function createSecurityNotices(deps: SecurityNoticesDeps) {
  const { knex, issuer, mail } = deps;
  /**
   * Mails the owner, if the account has an e-mail address.
   * @param options `key`: the passkey or security key, if the event is about one; `to`: the address, if it is not the
   *   account's, because that was changed; `service`: the other service, by its name
   * @throws LatchkeyError unavailable when the mail server did not accept the message
   */
  return async (
    accountId: string,
    event: SecurityEvent,
    { key, to, service }: NoticeDetails = {},
  ): Promise<void> => {
    if (!mail.isEnabled) return;
    const account = await deps.findAccount(knex, { id: accountId });
    const email = to ?? account?.email;
    if (!account || !email) return;
    const keyId = key && KEY_GAINED.has(event) ? key.id : null;
    const token = await deps.createNoticeLink(knex, { accountId, event, keyId, email });
    await mail.send(
      securityNotice({ issuer, username: account.username, event, key, service, token }),
      email,
      {
        accountId,
      },
    );
  };
}
