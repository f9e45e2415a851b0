import type { TableDescription } from './model.ts';

export const preferences: Record<string, TableDescription> = {
  T_user_preferences: {
    part: 'accounts',
    purpose: 'What the owner of an account prefers. What applications also see is in T_accounts.',
    columns: {
      account_id: 'The account. Without a row, it has the defaults.',
      settings:
        'JSON, merged with each change: `theme`, which is `light` or `dark` (without it, the pages follow the browser); `default_connections`, the id of the connection that is used at each service if a request names none; `mail`, false for each notice that is not mailed (`connection_broken`, `sign_in_request`).',
      updated_at: 'When it was last changed; NULL if it never was.',
    },
    indices: { I_user_preferences_account_id: 'Every page of the account; one row for each.' },
    security: [
      'Gives no access: a default connection is used only if it belongs to the account. Unknown values are ignored, and kept.',
      'Notices about the security of an account cannot be switched off.',
    ],
    lifetime: 'Until the account is deleted.',
    initialContent: 'Empty.',
  },
  T_user_pictures: {
    part: 'accounts',
    purpose: 'The picture of an account, which anyone who has its address can load at `/pictures/…`.',
    columns: {
      account_id: 'The account. It has at most one.',
      content_digest: 'SHA-256 of the picture, base64url. Its address ends with it.',
      webp: 'The picture as this server encoded it, of 256 × 256 pixels: base64 of WebP.',
    },
    indices: {
      I_user_pictures_account_id: 'Showing and replacing it; deleting the account; unique.',
      I_user_pictures_content_digest: 'Loading a picture.',
    },
    security: ['Never the uploaded file: only what was decoded and encoded again, without metadata.'],
    lifetime: 'Until it is replaced or removed, or the account is deleted.',
    initialContent: 'Empty.',
  },
  T_closed_usernames: {
    part: 'accounts',
    purpose:
      'The username of an account that its owner closed. For 90 days nobody can take it, because applications and people may still mean the earlier owner.',
    columns: {
      username_hash:
        'Digest of the username in its normal form: the name itself is deleted with the account.',
      expires_at: 'When anyone can take it.',
    },
    indices: {
      I_closed_usernames_username_hash: 'Taking a username; unique.',
      I_closed_usernames_expires_at: 'The clean-up.',
    },
    secrets: {
      username_hash: {
        stored: 'hashed',
        ifStolen: 'Find out by trying whether a username was closed a short while ago.',
      },
    },
    security: ['Looked up like T_reserved_usernames.'],
    lifetime: '90 days.',
    initialContent: 'Empty.',
  },
  T_account_archives: {
    part: 'accounts',
    purpose: 'A file with the data of an account, which its owner requested at `/account/data`.',
    columns: {
      account_id: 'The account. It has at most one.',
      status: 'How far it is.',
      parts_done: 'How many tables are in it already.',
      parts: 'How many tables there are.',
      attempts: 'How often a server began to make it.',
      archive: 'The zip, in base64; NULL until it is ready. It has no secret of the account.',
      lease_until: 'While it is made: when another server may take over.',
      expires_at: 'When it can no longer be downloaded.',
    },
    values: {
      status: {
        waiting: 'will be made, or is being made',
        ready: 'can be downloaded',
        failed: 'given up after three attempts',
      },
    },
    indices: {
      I_account_archives_account_id: 'Showing and replacing it; deleting the account; unique.',
      I_account_archives_expires_at: 'The clean-up.',
      I_account_archives_status: 'The job that makes archives.',
    },
    security: [
      'Downloaded only by the account’s owner, shortly after a sign-in with the factors of the account.',
      'One conditional UPDATE takes a request for a minute, so several servers make each archive once.',
    ],
    lifetime: 'Seven days.',
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
