import { DIGEST, type TableDescription } from './model.ts';

export const invitations: Record<string, TableDescription> = {
  T_invitations: {
    part: 'invitations',
    purpose: 'An invitation: a code that creates an account, or adds scopes and roles to one.',
    columns: {
      code_hash: 'Digest of the code.',
      label: 'Whom it is for, as the inviter wrote it.',
      email:
        'The address it was made for. An account created from the invitation mail has this address confirmed.',
      scopes: 'JSON list: the scopes it adds to the account’s ceiling.',
      roles: 'JSON list: the roles it grants.',
      by_operator: 'True if it was made at the command line, where no one is signed in.',
      created_by: 'The inviter; NULL for the operator, and after the inviter’s account was deleted.',
      max_uses: 'How many accounts can use it.',
      uses: 'How many accounts used it.',
      revoked_at: 'When it was revoked.',
      expires_at: 'When it stops working; NULL: never.',
      mailed_at:
        'When it was mailed to `email`, so that nobody else knows its code; NULL: the inviter was shown the code.',
    },
    indices: {
      I_invitations_code_hash: 'Opening an invitation.',
      I_invitations_created_by: 'Deleting the inviter, which sets it to NULL.',
      I_invitations_expires_at: 'The clean-up.',
    },
    secrets: { code_hash: DIGEST },
    security: [
      'One conditional statement counts a use: of a hundred concurrent attempts, exactly `max_uses` succeed.',
      'Once its inviter is disabled, deleted, or no longer has its scopes, an invitation grants nothing.',
    ],
    lifetime:
      'Unused ones are deleted some time after they expire. Used ones stay, because redemptions refer to them.',
    initialContent:
      'In development the first start creates the set-up link: one row, renewed at each start until there is an administrator.',
  },
  T_invitation_redemptions: {
    part: 'invitations',
    purpose: 'A use of an invitation: which account, and what it received.',
    columns: {
      invitation_id: 'The invitation.',
      redeemed_by: 'The account; NULL after it was deleted.',
      scopes: 'JSON list: the scopes that were added to the ceiling.',
      roles: 'JSON list: the roles that were granted.',
      redeemed_at: 'When it was used.',
      ip_address: 'The address of the browser.',
    },
    indices: {
      I_invitation_redemptions_invitation_id_redeemed_by:
        'The accounts that used an invitation; each uses it at most once.',
      I_invitation_redemptions_redeemed_by:
        'The invitations an account used; deleting the account, which sets it to NULL.',
      I_invitation_redemptions_redeemed_at: 'The clean-up.',
    },
    security: ['Written in the transaction that creates the account, so neither exists without the other.'],
    lifetime: 'Ten years, unless LATCHKEY_RETENTION sets another time.',
    initialContent: 'Empty.',
  },
};
