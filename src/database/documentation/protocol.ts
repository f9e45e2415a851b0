import { type Described, DIGEST, GRANT, ORDERED_DIGEST, OUTLIVES, SESSION } from './model.ts';

const PAYLOAD = "JSON: the protocol engine's own members, without anything that can be presented.";
const CLIENT = 'The `client_id` of the application.';
const CLEAN_UP = 'The clean-up.';
const BY_ACCOUNT = 'Ending what was given in the name of an account, by one grant or all; deleting it.';
const CHALLENGE = {
  rests: 'plain' as const,
  thief: 'Nothing: PKCE publishes it on purpose; the verifier is never stored.',
};

const polled = (name: string, purpose: string, life: string): Described => ({
  part: 'protocol',
  purpose,
  columns: {
    code_hash: 'Digest of what the application polls with.',
    user_code_hash: 'Digest of what the person types; NULL without one.',
    code_sealed: 'Both of them, for the engine.',
    account_id: 'Who confirmed it.',
    client_id: CLIENT,
    grant_id: 'What was allowed.',
    scope: 'What was asked for.',
    consumed_at: 'When it was exchanged for tokens.',
    payload: PAYLOAD,
    expires_at: 'When it ends.',
  },
  indices: {
    [`I_${name}_code_hash`]: 'Polling.',
    [`I_${name}_user_code_hash`]: 'What the person types.',
    [`I_${name}_account_id`]: BY_ACCOUNT,
    [`I_${name}_expires_at`]: CLEAN_UP,
  },
  loose: { client_id: OUTLIVES, grant_id: GRANT },
  secrets: {
    code_hash: DIGEST,
    user_code_hash: {
      rests: 'hashed',
      thief: 'Guess it while it lives: it is short, for people to type. It only names the request.',
    },
    code_sealed: {
      rests: 'sealed',
      thief: 'Nothing without LATCHKEY_SECRETS; with it, collect the tokens once the person has agreed.',
    },
  },
  security: ['Exchanged by one conditional statement, once.'],
  life,
  content: 'Empty; the feature is not switched on yet.',
});

export const protocol: Record<string, Described> = {
  T_authorization_requests: {
    part: 'protocol',
    purpose:
      'One request of an application for a person, from `/auth` to its code, however many pages it takes.',
    columns: {
      uid_hash: "Digest of the interaction's address, which changes at each step.",
      client_id: CLIENT,
      account_id: 'Who it is, as soon as that was proved.',
      redirect_uri: 'Where the answer goes.',
      scope: 'What was asked for.',
      state: "The application's, given back to it.",
      nonce: "The application's, put into the ID token.",
      response_type: '`code`.',
      code_challenge: 'PKCE (RFC 7636).',
      code_challenge_method: '`S256`, or NULL without PKCE.',
      prompt: 'Which page the person is at: `login`, `consent`, …',
      status: 'What became of it.',
      payload: `${PAYLOAD} The name of a device or pushed request is sealed in it.`,
      expires_at: 'An hour after it began.',
    },
    values: {
      status: {
        pending: 'the person is on the way',
        approved: 'a code was issued',
        denied: 'the person or the server said no',
        expired: 'nobody finished it in time, or a new password ended it',
      },
    },
    indices: {
      I_authorization_requests_uid_hash: 'Every page on the way.',
      I_authorization_requests_account_id: 'A new password ends what the old one began.',
      I_authorization_requests_expires_at: 'The clean-up, and marking as `expired`.',
    },
    loose: {
      client_id: OUTLIVES,
      account_id: { names: 'T_accounts.id', why: 'A request is told of when the account is gone.' },
    },
    secrets: {
      uid_hash: DIGEST,
      payload: {
        rests: 'sealed',
        member: 'sealed',
        thief:
          'Nothing without LATCHKEY_SECRETS; with it, the name of a pushed or device request that is used up.',
      },
      code_challenge: CHALLENGE,
    },
    security: ['What was ended is not brought back: every change is an UPDATE of a pending row.'],
    life: 'An hour, then kept for the time of the clean-up, for the questions below.',
    content: 'Empty.',
  },
  T_grants: {
    part: 'protocol',
    purpose: 'What a person allowed an application.',
    columns: {
      account_id: 'Who allowed it.',
      client_id: CLIENT,
      scope: 'The OpenID scopes that were allowed.',
      payload: PAYLOAD,
      revoked_at: 'When it was taken back: every token that hangs on it is dead.',
      expires_at: 'Ten years later.',
    },
    indices: {
      I_grants_account_id_client_id: 'What a person allowed; deleting the account.',
      I_grants_expires_at: CLEAN_UP,
      I_grants_revoked_at: 'The clean-up of those taken back.',
    },
    loose: { client_id: OUTLIVES },
    security: [
      'Taken back by a mark and not by a DELETE: the loser of a race, who writes a moment later, finds it dead.',
    ],
    life: 'Until `expires_at` or some time after `revoked_at`.',
    content: 'Empty.',
  },
  T_authorization_codes: {
    part: 'protocol',
    purpose: 'A code on its way from the browser to the application.',
    columns: {
      code_hash: 'Digest of the code.',
      authorization_request_id: 'The request it answers, as long as that is there.',
      account_id: 'For whom.',
      client_id: CLIENT,
      grant_id: 'What was allowed.',
      session_uid: 'The session it came from.',
      redirect_uri: 'Where it went.',
      scope: 'What the token will carry.',
      state: "The application's.",
      nonce: "The application's; an account uses each once.",
      response_type: '`code`.',
      code_challenge: 'PKCE (RFC 7636).',
      code_challenge_method: '`S256`, or NULL without PKCE.',
      consumed_at: 'When it was exchanged; a second time revokes what the first got.',
      payload: PAYLOAD,
      expires_at: 'A minute after it was made.',
    },
    indices: {
      I_authorization_codes_code_hash: 'The exchange.',
      I_authorization_codes_account_id_nonce:
        'No nonce twice for an account; ending what was given; deleting the account.',
      I_authorization_codes_authorization_request_id: 'The clean-up of requests, which sets it to NULL.',
      I_authorization_codes_expires_at: CLEAN_UP,
    },
    loose: { client_id: OUTLIVES, grant_id: GRANT, session_uid: SESSION },
    secrets: { code_hash: ORDERED_DIGEST, code_challenge: CHALLENGE },
    security: [
      'Exchanged by one conditional statement in the commit that writes the tokens (RFC 9700 section 2.1.1).',
    ],
    life: 'A minute, then kept for the time of the clean-up: a second use is noticed and a nonce refused as long.',
    content: 'Empty.',
  },
  T_access_tokens: {
    part: 'protocol',
    purpose: 'An access token.',
    columns: {
      token_hash: 'Digest of the token.',
      kind: 'Whose it is.',
      authorization_code_id: 'The code it was made of; NULL for a refreshed one.',
      account_id: 'The person; NULL for an application that acts for itself.',
      client_id: CLIENT,
      grant_id: 'What was allowed.',
      session_uid: 'The session it came from and ends with.',
      scope: 'What it opens.',
      payload: PAYLOAD,
      expires_at: 'LATCHKEY_ACCESS_TOKEN_TTL after it was made.',
    },
    values: {
      kind: {
        access_token: "a person's",
        client_credentials: 'of an application that signed in as itself',
      },
    },
    indices: {
      I_access_tokens_token_hash: 'Introspection, userinfo.',
      I_access_tokens_authorization_code_id: 'A code makes one token, by the rule of the database itself.',
      I_access_tokens_account_id: BY_ACCOUNT,
      I_access_tokens_expires_at: CLEAN_UP,
    },
    loose: {
      client_id: OUTLIVES,
      grant_id: GRANT,
      session_uid: SESSION,
      authorization_code_id: { names: 'T_authorization_codes.id', why: 'A token may outlive its code.' },
    },
    secrets: { token_hash: ORDERED_DIGEST },
    security: [
      'Read together with its grant, session and account: when one of them ends, so does the token.',
    ],
    life: 'Until `expires_at`; revocation deletes it.',
    content: 'Empty.',
  },
  T_refresh_tokens: {
    part: 'protocol',
    purpose: 'A refresh token; each use makes the next one.',
    columns: {
      token_hash: 'Digest of the token.',
      account_id: 'The person.',
      client_id: CLIENT,
      grant_id: 'What was allowed, and the family of the token.',
      session_uid: 'The session it came from and ends with.',
      scope: 'What it may refresh to.',
      rotated_from: 'The one before it; NULL for the first of a family.',
      consumed_at: 'When it was used; a second time revokes the family.',
      payload: PAYLOAD,
      expires_at: 'LATCHKEY_REFRESH_TOKEN_TTL after it was made.',
    },
    indices: {
      I_refresh_tokens_token_hash: 'The refresh.',
      I_refresh_tokens_account_id: BY_ACCOUNT,
      I_refresh_tokens_expires_at: CLEAN_UP,
    },
    loose: {
      client_id: OUTLIVES,
      grant_id: GRANT,
      session_uid: SESSION,
      rotated_from: { names: 'T_refresh_tokens.id', why: 'The one before may be cleaned up earlier.' },
    },
    secrets: { token_hash: ORDERED_DIGEST },
    security: ['A used one stays until its end, so that a second use is noticed (RFC 9700 section 4.14.2).'],
    life: 'Until `expires_at`; revocation deletes it.',
    content: 'Empty.',
  },
  T_device_codes: polled(
    'device_codes',
    'A device without a browser waits for its person (RFC 8628).',
    'Minutes.',
  ),
  T_backchannel_authentication_requests: polled(
    'backchannel_authentication_requests',
    'An application waits for a person who is asked elsewhere (CIBA).',
    'Minutes.',
  ),
  T_pushed_authorization_requests: {
    part: 'protocol',
    purpose: 'What an application pushed before it sends the browser (RFC 9126).',
    columns: {
      request_hash: 'Digest of its `request_uri`.',
      consumed_at: 'When the browser came with it.',
      payload: PAYLOAD,
      expires_at: 'A minute later.',
    },
    indices: {
      I_pushed_authorization_requests_request_hash: 'When the browser comes.',
      I_pushed_authorization_requests_expires_at: CLEAN_UP,
    },
    secrets: { request_hash: DIGEST },
    security: ['Good once.'],
    life: 'A minute.',
    content: 'Empty; the feature is not switched on yet.',
  },
  T_replay_detections: {
    part: 'protocol',
    purpose: 'Proofs and assertions that were seen: none is taken twice.',
    columns: {
      replay_hash: 'Digest of its `jti` with its issuer.',
      issuer: 'Who made it.',
      payload: PAYLOAD,
      expires_at: 'When it would be refused as too old anyway.',
    },
    indices: {
      I_replay_detections_replay_hash: 'Of two at once the second is refused by this index.',
      I_replay_detections_expires_at: CLEAN_UP,
    },
    secrets: { replay_hash: DIGEST },
    security: ['Only ever inserted.'],
    life: 'Minutes.',
    content: 'Empty.',
  },
  T_registration_tokens: {
    part: 'protocol',
    purpose: 'Tokens to register an application, and to change its registration (RFC 7591, RFC 7592).',
    columns: {
      token_hash: 'Digest of the token.',
      kind: 'What it opens.',
      client_id: CLIENT,
      payload: PAYLOAD,
      expires_at: 'When it ends; NULL: never.',
    },
    values: {
      kind: {
        InitialAccessToken: 'registering',
        RegistrationAccessToken: 'changing one registration',
      },
    },
    indices: {
      I_registration_tokens_token_hash: 'Its use.',
      I_registration_tokens_expires_at: CLEAN_UP,
    },
    loose: { client_id: OUTLIVES },
    secrets: { token_hash: DIGEST },
    security: [],
    life: 'Until `expires_at`.',
    content: 'Empty; the feature is not switched on yet.',
  },
  T_revoked_tokens: {
    part: 'protocol',
    purpose: 'Evidence: a code or refresh token that came a second time. Outlives the rows that it killed.',
    columns: {
      token_hash: 'Digest of what came twice.',
      reason: 'What came twice.',
      client_id: CLIENT,
      account_id: 'In whose name.',
      revoked_at: 'When it came the second time.',
      expires_at: 'A year later.',
    },
    values: {
      reason: {
        code_replay: 'an authorization code',
        refresh_token_reuse: 'a refresh token',
      },
    },
    indices: {
      I_revoked_tokens_token_hash: 'One row for what comes again and again.',
      I_revoked_tokens_expires_at: CLEAN_UP,
    },
    loose: {
      client_id: OUTLIVES,
      account_id: { names: 'T_accounts.id', why: 'Evidence outlives the account.' },
    },
    secrets: { token_hash: ORDERED_DIGEST },
    security: ['Written in a unit of its own: what is refused takes it not back.'],
    life: 'A year.',
    content: 'Empty.',
  },
};
