import { type Described, DIGEST } from './model.ts';

export const people: Record<string, Described> = {
  T_accounts: {
    part: 'people',
    purpose: 'A person who may sign in.',
    columns: {
      username: 'What they sign in with: trimmed, NFKC, lower case.',
      email: 'Where mail goes, in the same normal form; NULL without one.',
      email_verified: 'Whether a link that was mailed there came back.',
      name: 'What they are called on pages and in the `name` claim.',
      picture: 'URL of a picture, for the `picture` claim.',
      auth_provider: 'How the account came to be.',
      scopes:
        'JSON list: the ceiling of what any token of this account carries; `calendar:*` is every scope of calendar.',
      is_active: 'False: nothing of theirs is honoured any more, at once and on every server.',
      last_login_at: 'The last sign-in.',
      updated_at: 'The last change by a service.',
    },
    values: { auth_provider: { native: 'made here: at the command line or by an invitation' } },
    indices: {
      I_accounts_username: 'Signing in; no two people have one username.',
      I_accounts_email: 'A forgotten password; no two people have one address.',
    },
    security: [
      'Setting `is_active` to false by hand is enough to shut somebody out: every request asks for it.',
    ],
    life: 'Until it is deleted (`latchkey account delete`). Disabling keeps it.',
    content: '`npm run seed`: `ada` and `mei`.',
  },
  T_credentials: {
    part: 'people',
    purpose: 'The password of an account, and how often it was guessed wrong.',
    columns: {
      account_id: 'Whose it is: one password an account, and none for who has keys alone.',
      username: "The account's, so that this table can be asked without another.",
      password_hash:
        '`<pepper id>:<bcrypt>`: bcrypt, cost 12, over HMAC-SHA-256 with a pepper of the key ring.',
      failed_login_attempts: 'Failures in a row from browsers that are not known.',
      locked_until:
        'No password is looked at before, but from browsers that are known; NULL when it is not locked, the year 9999 until it is reset.',
      updated_at: 'When the password was set last.',
    },
    indices: {
      I_credentials_account_id: 'Signing in; one password an account.',
      I_credentials_username: 'Unlocking by hand; no two of one username.',
    },
    secrets: {
      password_hash: {
        rests: 'hashed',
        thief:
          'Nothing without LATCHKEY_SECRETS, of which the pepper is made. With it, guess: a password of a common list falls.',
      },
    },
    security: [
      'A guess is counted before the password is looked at, by one conditional statement: a crash or a thousand at once take none back.',
    ],
    life: 'As long as its account.',
    content: '`npm run seed`: the passwords of `ada` and `mei`, which anybody can read in `seeds/`.',
  },
  T_user_sessions: {
    part: 'people',
    purpose: 'A browser in which somebody is signed in, or is about to.',
    columns: {
      account_id: 'Who is signed in; NULL before the sign-in and after a sign-out.',
      uid: 'The name of the session that does not change; opens nothing.',
      token_hash: "Digest of the cookie's value; another one after each sign-in.",
      authorizations: 'JSON: for each application in this session, its grant and `sid`.',
      ip_address: 'Where it began.',
      user_agent: 'What the browser called itself when it began.',
      device_info: 'Not written yet.',
      payload: "JSON: the protocol engine's state; form tokens of a sign-out under way are sealed in it.",
      is_active: 'False once it was ended: signed out, a new password, a disabled account.',
      last_used_at: 'When it was used last, to the minute or to a hundredth of its life, whichever is less.',
      expires_at: 'When it ends by itself: LATCHKEY_SESSION_TTL after that.',
    },
    indices: {
      I_user_sessions_uid: 'A token asks whether its session is still there; no two of one name.',
      I_user_sessions_token_hash: 'Every request of a browser; no two of one cookie.',
      I_user_sessions_account_id: 'Ending all sessions of an account; deleting the account.',
      I_user_sessions_expires_at: 'The clean-up.',
    },
    secrets: {
      token_hash: DIGEST,
      payload: {
        rests: 'sealed',
        member: 'sealed',
        thief:
          'Nothing without LATCHKEY_SECRETS; with it, the form token of one sign-out, useless without the cookie.',
      },
    },
    security: [
      'A session that was ended cannot come back: every change is an UPDATE of an active row.',
      'The cookie is signed as well: a forged one does not reach the database.',
    ],
    life: 'Until `expires_at`; ended ones stay as long, so that it is seen that they were ended.',
    content: 'Empty.',
  },
  T_account_links: {
    part: 'people',
    purpose:
      'A link that was mailed or handed to a person: a new password, a confirmed address, a first key.',
    columns: {
      account_id: 'Whom it is for.',
      purpose: 'What it opens, and nothing else.',
      token_hash: "Digest of the link's token of 144 random bits.",
      email: 'The address that it was sent to; for `verify_email`, the one to be confirmed.',
      consumed_at: 'When it was used, or when a new password voided it.',
      expires_at: 'When it opens nothing any more.',
    },
    values: {
      purpose: {
        verify_email: "the account's address, or one that is to be it; a day",
        reset_password: 'a new password; an hour',
        enrol_passkey: 'a first key of one’s own again, given by an administrator; an hour',
        recover_passkey:
          'the same, mailed to the confirmed address, where LATCHKEY_RECOVER_BY_EMAIL allows it',
      },
    },
    indices: {
      I_account_links_account_id_purpose:
        'A new link takes the place of the one before; deleting the account.',
      I_account_links_token_hash: 'Opening it.',
      I_account_links_expires_at: 'The clean-up.',
    },
    secrets: { token_hash: DIGEST },
    security: [
      'Used up by one conditional statement. A link to a new password opens nothing once the address is another.',
    ],
    life: 'An address that waits is shown until it is confirmed, so rows stay for the time of the clean-up after their end.',
    content: 'Empty.',
  },
  T_known_browsers: {
    part: 'people',
    purpose: 'A browser from which a person signed in before. Guesses elsewhere do not lock it out.',
    columns: {
      account_id: 'Who signed in there.',
      token_hash: "Digest of the browser's cookie.",
      failed_login_attempts: 'Failures in a row from this browser.',
      locked_until: 'No password from this browser is looked at before.',
      last_used_at: 'The last sign-in there.',
      expires_at: '180 days later.',
    },
    indices: {
      I_known_browsers_account_id_token_hash:
        'Signing in; forgetting all browsers of an account, and deleting it.',
      I_known_browsers_expires_at: 'The clean-up.',
    },
    secrets: {
      token_hash: {
        ...DIGEST,
        thief: 'Nothing: the cookie itself would only give its bearer a count of guesses of their own.',
      },
    },
    security: ['A known browser still needs the password.'],
    life: 'Until `expires_at`; a new password or "sign out everywhere" ends it earlier.',
    content: 'Empty.',
  },
  T_account_roles: {
    part: 'people',
    purpose: 'A role of a person, which applications read in the `roles` claim.',
    columns: {
      account_id: 'Who has it.',
      client_id: 'The `id` of the application it is for; NULL for a role in every application.',
      role: 'Its name, for example `editor`.',
    },
    indices: { I_account_roles_account_id: 'The claims of a token; deleting the account.' },
    security: ['Granted and withdrawn by who holds the scope for it, never by the person alone.'],
    life: 'Until it is withdrawn; goes with its account or application.',
    content: 'Empty.',
  },
};
