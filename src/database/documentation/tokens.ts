import {
  BY_ACCOUNT,
  CLEAN_UP,
  CLIENT,
  CLIENT_REFERENCE,
  DIGEST,
  GRANT_REFERENCE,
  PAYLOAD,
  SESSION_REFERENCE,
  type TableDescription,
  TIMED_DIGEST,
} from './model.ts';

const FAMILY =
  'The family: every token of one authorization code, through all refreshes. NULL without a code, or if it was issued by a Latchkey that had no families yet.';

const FAMILY_REFERENCE = {
  target: 'T_authorization_codes.id',
  why: 'A family outlives the code that began it.',
};

export const tokens: Record<string, TableDescription> = {
  T_access_tokens: {
    part: 'protocol',
    purpose: 'An access token.',
    columns: {
      token_hash: 'Digest of the token.',
      kind: 'Whom it acts for.',
      authorization_code_id: 'The code it was issued for; NULL if a refresh token was used.',
      family_id: FAMILY,
      account_id: 'The user; NULL if the application acts as itself.',
      client_id: CLIENT,
      grant_id: 'What the user allowed.',
      session_uid: 'The session it belongs to and ends with.',
      scope: 'The scopes of the token.',
      payload: PAYLOAD,
      expires_at: 'LATCHKEY_ACCESS_TOKEN_TTL after it was issued.',
    },
    values: {
      kind: {
        access_token: 'a user',
        client_credentials: 'the application itself',
      },
    },
    indices: {
      I_access_tokens_token_hash: 'Introspection and userinfo.',
      I_access_tokens_authorization_code_id:
        'Unique: the database itself allows only one token for each code.',
      I_access_tokens_account_id: BY_ACCOUNT,
      I_access_tokens_expires_at: CLEAN_UP,
    },
    unenforced: {
      client_id: CLIENT_REFERENCE,
      grant_id: GRANT_REFERENCE,
      session_uid: SESSION_REFERENCE,
      authorization_code_id: { target: 'T_authorization_codes.id', why: 'A token can outlive its code.' },
      family_id: FAMILY_REFERENCE,
    },
    secrets: { token_hash: TIMED_DIGEST },
    security: [
      'Read together with its grant, session and account: when one of them ends, so does the token.',
    ],
    lifetime: 'Until `expires_at`. Revocation deletes it.',
    initialContent: 'Empty.',
  },
  T_refresh_tokens: {
    part: 'protocol',
    purpose: 'A refresh token. Each use issues a new one of the same family.',
    columns: {
      token_hash: 'Digest of the token.',
      account_id: 'The user.',
      client_id: CLIENT,
      grant_id: 'What the user allowed.',
      family_id: FAMILY,
      session_uid: 'The session it belongs to and ends with.',
      scope: 'The scopes that a refreshed token may have.',
      rotated_from: 'The token it replaced; NULL for the first of a family.',
      consumed_at: 'When it was first used.',
      uses: 'How often it was used. Within the overlap (LATCHKEY_REFRESH_OVERLAP) it works up to ten times; any further use revokes the family.',
      payload: PAYLOAD,
      expires_at:
        'LATCHKEY_REFRESH_TOKEN_TTL after it was issued, and at the latest LATCHKEY_REFRESH_TOKEN_MAX_TTL (or the `refresh_token_max_ttl` of its application) after the sign-in.',
    },
    indices: {
      I_refresh_tokens_token_hash: 'Refreshing.',
      I_refresh_tokens_account_id: BY_ACCOUNT,
      I_refresh_tokens_expires_at: CLEAN_UP,
    },
    unenforced: {
      client_id: CLIENT_REFERENCE,
      grant_id: GRANT_REFERENCE,
      session_uid: SESSION_REFERENCE,
      family_id: FAMILY_REFERENCE,
      rotated_from: {
        target: 'T_refresh_tokens.id',
        why: 'The clean-up may delete the earlier token first.',
      },
    },
    secrets: { token_hash: TIMED_DIGEST },
    security: [
      'A used token stays until it expires, so that a replay is detected (RFC 9700 section 4.14.2).',
      'A conditional UPDATE marks it as used, in the commit that writes the new tokens.',
    ],
    lifetime: 'Until `expires_at`, then a week. Revocation deletes it.',
    initialContent: 'Empty.',
  },
  T_replay_detections: {
    part: 'protocol',
    purpose: 'A proof or assertion that was already used, so that it is not accepted twice.',
    columns: {
      replay_hash: 'Digest of its `jti` and issuer.',
      issuer: 'The issuer.',
      payload: PAYLOAD,
      expires_at: 'When it would be rejected as too old anyway.',
    },
    indices: {
      I_replay_detections_replay_hash: 'Of two concurrent uses, this index rejects the second.',
      I_replay_detections_expires_at: CLEAN_UP,
    },
    secrets: { replay_hash: DIGEST },
    security: ['Rows are only inserted, never changed.'],
    lifetime: 'Minutes.',
    initialContent: 'Empty.',
  },
  T_registration_tokens: {
    part: 'protocol',
    purpose: 'A token to register an application or to change its registration (RFC 7591, RFC 7592).',
    columns: {
      token_hash: 'Digest of the token.',
      kind: 'What it allows.',
      client_id: CLIENT,
      payload: PAYLOAD,
      expires_at: 'When it expires; NULL: never.',
      description: 'A note of the operator: who or what it is for.',
      max_uses: 'How many applications can register with it; NULL: any number.',
      uses: 'How many have.',
      created_by: 'The account that created it; NULL for the operator.',
      last_used_at: 'When an application last registered with it.',
      revoked_at: 'When it was revoked.',
    },
    values: {
      kind: {
        InitialAccessToken: 'registering an application',
        RegistrationAccessToken: 'changing one registration',
      },
    },
    indices: {
      I_registration_tokens_token_hash: 'Its use.',
      I_registration_tokens_expires_at: CLEAN_UP,
      I_registration_tokens_created_at: CLEAN_UP,
    },
    unenforced: {
      client_id: CLIENT_REFERENCE,
      created_by: { target: 'T_accounts.id', why: 'A token outlives the account that created it.' },
    },
    secrets: { token_hash: DIGEST },
    security: [
      'A use counts in the commit that registers the application: `max_uses` holds for any number of servers.',
    ],
    lifetime: '30 days after `expires_at`. A registration access token: until its application is deleted.',
    initialContent: 'Empty.',
  },
  T_revoked_tokens: {
    part: 'protocol',
    purpose:
      'A code or token whose family was revoked: the tombstone of the family, and the evidence of a replay. Outlives the rows that were revoked.',
    columns: {
      token_hash: 'Digest of the code or token.',
      reason: 'Why it was revoked.',
      client_id: CLIENT,
      account_id: 'The user.',
      family_id:
        'The revoked family; NULL if it has none, because an earlier version issued the token. The whole grant was then revoked.',
      revoked_at: 'When it was used the second time, or revoked.',
      expires_at: 'A year later.',
    },
    values: {
      reason: {
        code_replay: 'an authorization code was used twice',
        refresh_token_reuse: 'a refresh token was used again after its overlap, or too often',
        revoked: 'the application revoked it',
      },
    },
    indices: {
      I_revoked_tokens_token_hash: 'Unique: one row for a token, however often it is replayed.',
      I_revoked_tokens_family_id: 'Every read of a code or token: was its family revoked?',
      I_revoked_tokens_expires_at: CLEAN_UP,
    },
    unenforced: {
      client_id: CLIENT_REFERENCE,
      account_id: { target: 'T_accounts.id', why: 'Evidence outlives the account.' },
      family_id: FAMILY_REFERENCE,
    },
    secrets: { token_hash: TIMED_DIGEST },
    security: [
      'Written in a separate commit, so that it stays although the request is refused.',
      'A request that lost a race may still write tokens of a revoked family. They never work, because this row is found.',
    ],
    lifetime: 'A year.',
    initialContent: 'Empty.',
  },
};
