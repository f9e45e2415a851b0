import type { Knex } from 'knex';
import { harmless, type Message } from './messages.ts';
import type { MailSender } from './send.ts';

const REASONS: Record<string, string> = {
  reauthentication_required: 'It asks for a new sign-in.',
  refused_by_administrator: 'The administrator of your account there does not allow it any more.',
  refresh_interrupted: 'This server was interrupted while it renewed the access.',
  expired: 'Its access has expired.',
};

const connectionBroken = (issuer: string, username: string, service: string, code: string): Message => ({
  kind: 'connection_broken',
  subject: `Connect your account at ${harmless(service)} again`,
  lines: [
    `${harmless(service)} no longer accepts the connection of your account ${harmless(username)}.`,
    REASONS[code] ?? 'The access was withdrawn there, or has ended.',
    'Applications that use this connection stop working until you connect the account again.',
  ],
  link: { label: 'View your connections', url: `${issuer}/account/connections` },
  closing: ['If you ended this connection yourself, ignore this message.'],
});

/** @returns a function that mails the owner of a connection that needs them, if the account has an e-mail address and wants the mail */
export function createConnectionNotices(deps: {
  knex: Knex;
  issuer: string;
  mail: MailSender;
  findAccount(
    source: Knex,
    filter: { id: string },
  ): Promise<{ username: string; email: string | null } | undefined>;
  wantsMail(accountId: string, notice: 'connection_broken'): Promise<boolean>;
}) {
  return async (accountId: string, service: string, code: string): Promise<void> => {
    const account = await deps.findAccount(deps.knex, { id: accountId });
    if (!deps.mail.isEnabled || !account?.email) return;
    if (!(await deps.wantsMail(accountId, 'connection_broken'))) return;
    const message = connectionBroken(deps.issuer, account.username, service, code);
    await deps.mail.send(message, account.email, { accountId });
  };
}
