import type { TableDescription } from './model.ts';

export const preferences: Record<string, TableDescription> = {
  T_user_preferences: {
    part: 'accounts',
    purpose: 'Display settings of the account’s own pages. What applications also see is in T_accounts.',
    columns: {
      account_id: 'The account. Without a row, it has the defaults.',
      settings: 'JSON: `theme`, which is `light` or `dark`; without it, the pages follow the browser.',
      updated_at: 'When it was last changed; NULL if it never was.',
    },
    indices: { I_user_preferences_account_id: 'Every page of the account; one row for each.' },
    security: ['Not used for any decision. Unknown values are ignored.'],
    lifetime: 'Until the account is deleted.',
    initialContent: 'Empty.',
  },
  T_reserved_usernames: {
    part: 'accounts',
    purpose:
      'A username that an account had before. For 90 days nobody else can take it, because applications and people may still mean its earlier owner.',
    columns: {
      username: 'The earlier username, in its normal form.',
      account_id: 'The account that had it, which can take it again.',
      expires_at: 'When anyone can take it.',
    },
    indices: {
      I_reserved_usernames_username: 'Taking a username; unique.',
      I_reserved_usernames_account_id: 'How many an account has; deleting the account.',
      I_reserved_usernames_expires_at: 'The clean-up.',
    },
    security: [
      'Looked up after the username was written, in the same transaction: of two concurrent requests for one username, the second finds what the first has reserved.',
      'An account reserves five usernames at most, and then cannot change its own.',
    ],
    lifetime: '90 days.',
    initialContent: 'Empty.',
  },
};
