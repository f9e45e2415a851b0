import { DIGEST, type TableDescription } from './model.ts';

const SLOTS =
  'The attempts that are being verified: five slots of 20 characters. Each holds the time by which its attempt must end, in milliseconds since 1970, or 0. A slot whose time has passed is free.';

export const accounts: Record<string, TableDescription> = {
  T_accounts: {
    part: 'accounts',
    purpose: 'A user who can sign in.',
    columns: {
      username:
        'The sign-in name: trimmed, NFKC, lower case. Never an e-mail address, except for accounts of older versions.',
      email: 'The e-mail address, normalized like the username; NULL if the account has none.',
      email_verified:
        'True once somebody who reads mail there has confirmed it (while signed in, by a reset, or by signing up with a mailed invitation), or an administrator has vouched for it.',
      requested_email:
        'The address that was entered at sign-up, until it is confirmed. It may belong to another account, and applications do not get it. A forgotten password can be reset with it.',
      name: 'The display name on pages and in the `name` claim.',
      given_name: 'For the `given_name` claim.',
      family_name: 'For the `family_name` claim.',
      locale: 'A language tag such as `pt-BR`, for the `locale` claim.',
      zoneinfo:
        'A time zone such as `Europe/Lisbon`, for the `zoneinfo` claim and the instants on the account’s own pages.',
      middle_name: 'For the `middle_name` claim.',
      nickname: 'For the `nickname` claim.',
      profile: 'The URL of a page about the user, for the `profile` claim.',
      website: 'A URL, for the `website` claim.',
      gender: 'For the `gender` claim.',
      birthdate: '`YYYY-MM-DD`, `0000-MM-DD` without the year, or `YYYY`, for the `birthdate` claim.',
      phone_number: 'With + and the country code, for the `phone_number` claim.',
      phone_number_verified: 'True if an administrator has vouched for the number.',
      street_address: 'For the `address` claim, like the next four.',
      locality: 'The city.',
      region: 'The state, province or region.',
      postal_code: 'The postal code.',
      country: 'The country.',
      picture: 'The URL of a picture, for the `picture` claim.',
      auth_provider: 'How the account was created.',
      scopes:
        'JSON list: the ceiling. No token of this account carries a scope outside it; `calendar:*` covers every scope of `calendar`.',
      is_active: 'False: the account is disabled, immediately and on every server.',
      failed_code_attempts:
        'Consecutive wrong codes of the authenticator app and recovery codes, from browsers that have not completed a second factor before.',
      codes_locked_until: 'Until then no code from those browsers is verified.',
      last_login_at: 'The last sign-in.',
      closing_at:
        'When the account is deleted, because its owner closed it; NULL for others. Signing in before then sets it to NULL.',
      updated_at: 'The last change by Latchkey.',
    },
    values: { auth_provider: { native: 'on this server, by the command or with an invitation' } },
    indices: {
      I_accounts_username: 'Signing in; usernames are unique.',
      I_accounts_email: 'Resetting a forgotten password; addresses are unique.',
      I_accounts_closing_at: 'The job that deletes closed accounts.',
      I_accounts_requested_email: 'Resetting a forgotten password before the address is confirmed.',
    },
    security: [
      'Every request checks `is_active`, so setting it to false with SQL is enough to lock someone out.',
    ],
    lifetime:
      'Until it is deleted with `latchkey account delete`, or seven days after its owner closed it. Disabled accounts stay.',
    initialContent: '`npm run seed`: `ada` and `mei`.',
  },
  T_credentials: {
    part: 'accounts',
    purpose: 'The password of an account and its failed attempts.',
    columns: {
      account_id: 'The account. It has at most one row, and none if it uses passkeys only.',
      username: 'The same as in T_accounts, so that this table can be queried without a join.',
      password_hash:
        '`<pepper id>:<bcrypt>`: bcrypt with cost 12 over HMAC-SHA-256 with a pepper derived from LATCHKEY_SECRETS.',
      failed_login_attempts: 'Consecutive failures from browsers that are not trusted.',
      attempts_under_way: SLOTS,
      locked_until:
        'Until then passwords are accepted only from trusted browsers. NULL: not locked. The year 9999: locked until the password is reset.',
      updated_at: 'The last password change.',
    },
    indices: {
      I_credentials_account_id: 'Signing in; one password for each account.',
      I_credentials_username: 'Unlocking an account with SQL; usernames are unique.',
    },
    secrets: {
      password_hash: {
        stored: 'hashed',
        ifStolen:
          'Nothing without LATCHKEY_SECRETS, from which the pepper is derived. With it, guess: common passwords can be found.',
      },
    },
    security: [
      'One conditional statement takes a slot for an attempt before the password is checked, so concurrent requests cannot avoid the limit of five.',
      'An attempt is counted as failed before its answer is sent. One that a crash or an outage ended is not counted, and its slot is free after 15 seconds.',
    ],
    lifetime: 'As long as its account.',
    initialContent: '`npm run seed`: the passwords of `ada` and `mei`, which are public (see `seeds/`).',
  },
  T_user_sessions: {
    part: 'accounts',
    purpose: 'A browser session in which someone signed in. Visitors have none.',
    columns: {
      account_id: 'The signed-in account.',
      uid: 'The identifier of the session, which never changes. It is not a secret.',
      token_hash: 'Digest of the cookie’s value, which changes at each sign-in.',
      authorizations: 'JSON: the grant and `sid` of each application in this session.',
      ip_address: 'The address that started the session.',
      user_agent: 'The browser that started the session, as it identified itself.',
      device_info: 'Not used yet.',
      payload: 'JSON: state of the protocol engine. The form token of a pending sign-out is sealed in it.',
      is_active:
        'False once it ended: by sign-out, at /account/sessions, a password change or a disabled account.',
      signed_in_at:
        'The latest sign-in, or confirmation that it is the same user. NULL until the next use in sessions of earlier versions.',
      amr: 'How the user signed in: methods of RFC 8176, separated by spaces.',
      last_used_at:
        'The last use: at sign-ins to the minute, or to a hundredth of the session’s lifetime if that is shorter; on our own pages to five minutes.',
      expires_at:
        'LATCHKEY_SESSION_TTL after the last recorded use, and at the latest LATCHKEY_SESSION_MAX_TTL after the sign-in.',
    },
    indices: {
      I_user_sessions_uid: 'Checking that a token’s session still exists; unique.',
      I_user_sessions_token_hash: 'Every request of a browser; unique.',
      I_user_sessions_account_id: 'Ending all sessions of an account; deleting the account.',
      I_user_sessions_expires_at: 'The clean-up.',
    },
    secrets: {
      token_hash: DIGEST,
      payload: {
        stored: 'sealed',
        member: 'sealed',
        ifStolen:
          'Nothing without LATCHKEY_SECRETS. With it, learn the form token of one sign-out, which is useless without the cookie.',
      },
    },
    security: [
      'An ended session cannot come back: every change is an UPDATE of an active row.',
      'The cookie is also signed, so a forged cookie is rejected before the database is queried.',
    ],
    lifetime: 'Until `expires_at`. Ended sessions stay as long, as a record that they were ended.',
    initialContent: 'Empty.',
  },
  T_security_notices: {
    part: 'accounts',
    purpose:
      'A mail about a change of an account, and its single-use link "This was not me", which signs the account out everywhere.',
    columns: {
      account_id: 'The account.',
      event: 'What changed, such as `key_added`.',
      key_id: 'The key that can sign in since the change, which the link ends.',
      email: 'The address it was sent to.',
      token_hash: 'Digest of the link’s token of 144 random bits.',
      consumed_at: 'When the link was used.',
      expires_at: 'When the link stops working, after seven days.',
    },
    indices: {
      I_security_notices_token_hash: 'Opening the link.',
      I_security_notices_account_id: 'Deleting the account.',
      I_security_notices_expires_at: 'The clean-up.',
    },
    unenforced: {
      key_id: { target: 'T_webauthn_credentials.id', why: 'The notice outlives the key.' },
    },
    secrets: { token_hash: DIGEST },
    security: [
      'One conditional statement uses the link up. It signs nobody in, and a change of the password does not void it.',
    ],
    lifetime: 'Thirty days after the link expired.',
    initialContent: 'Empty.',
  },
  T_account_links: {
    part: 'accounts',
    purpose: 'A single-use link for a user: to reset a password, confirm an address or register a passkey.',
    columns: {
      account_id: 'The account it is for.',
      purpose: 'The only thing the link can be used for.',
      token_hash: 'Digest of the link’s token of 144 random bits.',
      email: 'The address it was sent to; for `verify_email`, the address to confirm.',
      consumed_at: 'When it was used, or cancelled by a password change.',
      expires_at: 'When it stops working.',
    },
    values: {
      purpose: {
        verify_email: 'confirms the account’s address, or a new one; valid for a day',
        reset_password: 'sets a new password; valid for an hour',
        enrol_passkey:
          'adds a passkey for someone who has lost every key; created by an administrator; valid for an hour',
        recover_passkey:
          'adds a passkey too; mailed to the confirmed address if LATCHKEY_RECOVER_BY_EMAIL allows it; valid for an hour',
        recovery_code:
          'adds a passkey too; created when someone without a password typed a recovery code; valid for an hour',
      },
    },
    indices: {
      I_account_links_account_id_purpose:
        'Replacing the previous link for the same purpose; deleting the account.',
      I_account_links_token_hash: 'Opening the link.',
      I_account_links_expires_at: 'The clean-up.',
    },
    secrets: { token_hash: DIGEST },
    security: [
      'One conditional statement uses the link up. A reset link stops working when the account’s address changes.',
    ],
    lifetime:
      'Kept for some time after it ends, because the account page shows an unconfirmed address until it is confirmed.',
    initialContent: 'Empty.',
  },
  T_known_browsers: {
    part: 'accounts',
    purpose:
      'A trusted browser: the user signed in with it before. Failed attempts elsewhere do not lock it out.',
    columns: {
      account_id: 'The account that signed in.',
      token_hash: 'Digest of the browser’s cookie.',
      failed_login_attempts: 'Consecutive failures from this browser.',
      failed_code_attempts:
        'Consecutive wrong codes from this browser, once it has completed a second factor.',
      codes_locked_until: 'Until then no code from this browser is verified.',
      second_factor_at: 'When a second factor was last completed with this browser; NULL: never.',
      attempts_under_way: SLOTS,
      locked_until: 'Until then no password is accepted from this browser.',
      last_used_at: 'The last sign-in with this browser.',
      expires_at: '180 days after the last sign-in.',
    },
    indices: {
      I_known_browsers_account_id_token_hash:
        'Signing in; forgetting all browsers of an account; deleting the account.',
      I_known_browsers_expires_at: 'The clean-up.',
    },
    secrets: {
      token_hash: {
        ...DIGEST,
        ifStolen: 'Nothing. Even the cookie itself only gives its holder a separate count of attempts.',
      },
    },
    security: ['A trusted browser still needs the password.'],
    lifetime: 'Until `expires_at`, or until the password changes or the user signs out everywhere.',
    initialContent: 'Empty.',
  },
  T_account_roles: {
    part: 'accounts',
    purpose: 'A role of an account. Applications read roles in the `roles` claim.',
    columns: {
      account_id: 'The account.',
      client_id: 'The `id` of the application the role is for; NULL: every application.',
      role: 'The name of the role, for example `editor`.',
    },
    indices: { I_account_roles_account_id: 'The claims of a token; deleting the account.' },
    security: ['Only people with the necessary scope can grant or withdraw a role.'],
    lifetime: 'Until it is withdrawn, or its account or application is deleted.',
    initialContent: 'Empty.',
  },
};
