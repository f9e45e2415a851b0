import type { Knex } from 'knex';
import { LatchkeyError } from '../../kit/errors.ts';
import { letters } from '../mail/messages.ts';
import type { Post } from '../mail/send.ts';
import type { Invitations } from './service.ts';
import type { MadeInvitation } from './store.ts';

/**
 * Mails an invitation to the address that it is bound to.
 * @throws LatchkeyError unavailable when the mail server did not take it: the invitation is then withdrawn
 */
export function createInvitationMail(deps: {
  knex: Knex;
  post: Post;
  invitations: Pick<Invitations, 'revoke'>;
}) {
  const { knex, post, invitations } = deps;
  return async (invitation: MadeInvitation): Promise<void> => {
    const { id, email, url, label, expires_at } = invitation;
    if (email === null) throw new Error('An invitation without an address cannot be mailed.');
    const inviter =
      invitation.created_by === null
        ? undefined
        : await knex('T_accounts').where({ username: invitation.created_by }).first('username', 'name');
    const letter = letters.invitation({
      url,
      label,
      inviter: inviter?.name ?? inviter?.username ?? null,
      expiresAt: expires_at === null ? null : new Date(expires_at),
    });
    try {
      await post.deliver(letter, email, { target: id });
    } catch (error) {
      await invitations.revoke({ accountId: null }, id);
      throw new LatchkeyError(
        'unavailable',
        'invitation_mail_failed',
        'The mail server did not take the mail, so the invitation was withdrawn. Look at latchkey doctor, then make a new one.',
        { cause: error },
      );
    }
  };
}
