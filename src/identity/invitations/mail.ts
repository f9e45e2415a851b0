import type { Knex } from 'knex';
import type { Actor } from '../../audit/index.ts';
import { OPERATOR } from '../../audit/operator.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { harmless, type Message } from '../mail/messages.ts';
import type { MailSender } from '../mail/send.ts';
import type { CreatedInvitation } from './invitation.ts';
import { markMailed } from './store.ts';

export interface InvitationMailDeps {
  knex: Knex;
  mail: MailSender;
  findAccount(
    source: Knex,
    filter: { username: string },
  ): Promise<{ username: string; name: string | null } | undefined>;
  revoke(actor: Actor, id: string): Promise<unknown>;
}

const toMinute = (instant: Date) => instant.toISOString().slice(0, 16).replace('T', ' ');

const describeInvitation = (input: {
  url: string;
  inviter: string | null;
  label: string | null;
  expiresAt: Date | null;
}): Message => ({
  kind: 'invitation',
  subject: 'You are invited',
  lines: [
    `${input.inviter === null ? 'The people who run this server have' : `${harmless(input.inviter)} has`} invited you to create an account.`,
    ...(input.label === null ? [] : [`The invitation is for: ${harmless(input.label)}`]),
  ],
  link: { label: 'View the invitation', url: input.url },
  closing: [
    input.expiresAt === null
      ? 'The invitation does not expire.'
      : `You can use the invitation until ${toMinute(input.expiresAt)} UTC.`,
    'If you do not know who sent this, you can ignore this message.',
  ],
});

export function createInvitationMail({ knex, mail, findAccount, revoke }: InvitationMailDeps) {
  return {
    /**
     * Mails an invitation to the address that it is bound to. The caller shows its code to nobody: people who sign up with
     * it have then read that mailbox.
     * @throws LatchkeyError unavailable when the mail server did not accept it. The invitation is revoked then, because
     *   nobody has its code
     */
    async mailInvitation(invitation: CreatedInvitation): Promise<void> {
      const { id, email, url, label, created_by, expires_at } = invitation;
      if (email === null) throw new Error('Only an invitation that is bound to an address can be mailed.');
      const inviter = created_by === null ? undefined : await findAccount(knex, { username: created_by });
      const message = describeInvitation({
        url,
        label,
        inviter: inviter?.name ?? inviter?.username ?? null,
        expiresAt: expires_at === null ? null : new Date(expires_at),
      });
      try {
        await mail.send(message, email, { target: id });
      } catch (error) {
        await revoke(OPERATOR, id);
        throw new LatchkeyError(
          'unavailable',
          'invitation_mail_failed',
          'The mail could not be sent, so the invitation was withdrawn. Run latchkey doctor, then create a new one.',
          { cause: error },
        );
      }
      await markMailed(knex, id);
    },
  };
}
