import { type Described, DIGEST } from './model.ts';

export const invitations: Record<string, Described> = {
  T_invitations: {
    part: 'invitations',
    purpose: 'A code that makes an account, or adds to one, with what it grants.',
    columns: {
      code_hash: 'Digest of the code.',
      label: 'Whom it is for, in the words of who invited.',
      email: 'The address it was made for; an account that comes by its mail has that address confirmed.',
      scopes: 'JSON list: what it adds to the ceiling of the account.',
      roles: 'JSON list: the roles it grants.',
      by_operator: 'Made at the command line, where nobody is signed in.',
      created_by: 'Who invited; NULL for the operator, and for somebody who was deleted.',
      max_uses: 'How many accounts may come by it.',
      uses: 'How many did.',
      revoked_at: 'When it was withdrawn.',
      expires_at: 'When it opens nothing any more; NULL: never.',
    },
    indices: {
      I_invitations_code_hash: 'Coming in by it.',
      I_invitations_created_by: 'Deleting who invited, which sets it to NULL.',
      I_invitations_expires_at: 'The clean-up.',
    },
    secrets: { code_hash: DIGEST },
    security: [
      'A use is counted by one conditional statement: of a hundred at once, `max_uses` come in.',
      'It grants nothing any more when who invited was disabled or deleted, or lost what it grants.',
    ],
    life: 'One that nobody used goes some time after its end; one that somebody came by stays, for the ledger to tell of it.',
    content:
      'The first start in development makes the set-up link: one row, renewed at each start until somebody administers.',
  },
  T_invitation_redemptions: {
    part: 'invitations',
    purpose: 'The ledger: who came in by which invitation, and what they got.',
    columns: {
      invitation_id: 'By which they came.',
      redeemed_by: 'Who; NULL when the account was deleted.',
      scopes: 'JSON list: what was added to the ceiling.',
      roles: 'JSON list: the roles that were granted.',
      redeemed_at: 'When they came.',
      ip_address: 'From where.',
    },
    indices: {
      I_invitation_redemptions_invitation_id_redeemed_by: 'Who came by an invitation; nobody uses one twice.',
      I_invitation_redemptions_redeemed_by: "A person's invitations; deleting the account sets it to NULL.",
      I_invitation_redemptions_redeemed_at: 'The clean-up.',
    },
    security: ['Written in the transaction that makes the account: neither is there without the other.'],
    life: 'Kept long: ten years, unless LATCHKEY_RETENTION says otherwise.',
    content: 'Empty.',
  },
};
