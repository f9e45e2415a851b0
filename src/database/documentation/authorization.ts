import {
  CLEAN_UP,
  CLIENT,
  CLIENT_REFERENCE,
  DIGEST,
  GRANT_REFERENCE,
  PAYLOAD,
  SESSION_REFERENCE,
  type StoredSecret,
  type TableDescription,
  TIMED_DIGEST,
} from './model.ts';
import { polledRequests } from './polled-requests.ts';

const CHALLENGE: StoredSecret = {
  stored: 'plain',
  ifStolen: 'Nothing: PKCE makes the challenge public. The verifier is never stored.',
};

export const authorization: Record<string, TableDescription> = {
  T_authorization_requests: {
    part: 'protocol',
    purpose:
      'One authorization request, from the first form that the user sends until its code is issued, however many pages it takes. Before that, it is in a sealed cookie of the browser.',
    columns: {
      uid_hash: 'Digest of the interaction’s id in the URL, which changes at each step.',
      client_id: CLIENT,
      account_id: 'The account, once the user has signed in.',
      redirect_uri: 'Where the response goes.',
      scope: 'The requested scopes.',
      state: 'The application’s `state`, returned to it.',
      nonce: 'The application’s `nonce`, copied to the ID token.',
      response_type: '`code`. With LATCHKEY_IMPLICIT_GRANT also `id_token` or `id_token token`.',
      code_challenge: 'The PKCE challenge (RFC 7636).',
      code_challenge_method: '`S256`, or NULL without PKCE.',
      prompt: 'The page the user is on: `login`, `consent`, …',
      status: 'The outcome.',
      payload: `${PAYLOAD} The id of a device or pushed request is sealed in it.`,
      expires_at: 'An hour after the request arrived. Each further page starts the hour again.',
    },
    values: {
      status: {
        pending: 'the user has not finished',
        approved: 'a code was issued',
        denied: 'the user or the server refused it',
        expired: 'it was not finished in time, or a password change ended it',
      },
    },
    indices: {
      I_authorization_requests_uid_hash: 'Every page of the request.',
      I_authorization_requests_account_id: 'Ending pending requests when a password changes.',
      I_authorization_requests_expires_at: 'The clean-up; setting the status `expired`.',
    },
    unenforced: {
      client_id: CLIENT_REFERENCE,
      account_id: { target: 'T_accounts.id', why: 'A request outlives its account, as a record.' },
    },
    secrets: {
      uid_hash: DIGEST,
      payload: {
        stored: 'sealed',
        member: 'sealed',
        ifStolen:
          'Nothing without LATCHKEY_SECRETS. With it, learn the id of a pushed or device request that is already used up.',
      },
      code_challenge: CHALLENGE,
    },
    security: ['An ended request cannot come back: every change is an UPDATE of a pending row.'],
    lifetime: 'An hour. The row then stays for a week, so that it can be queried.',
    initialContent: 'Empty.',
  },
  T_grants: {
    part: 'protocol',
    purpose: 'What an application may do in one session, and with the tokens issued from it.',
    columns: {
      account_id: 'The user.',
      client_id: CLIENT,
      scope: 'The scopes that were allowed. Those of resources are in the payload.',
      payload: `${PAYLOAD} \`shownTarget\` is where the consent page said that the user returns.`,
      revoked_at: 'When it was revoked: all its tokens are invalid.',
      expires_at: 'Ten years after it was made.',
    },
    indices: {
      I_grants_account_id_client_id: 'What a user allowed; deleting the account.',
      I_grants_expires_at: CLEAN_UP,
      I_grants_revoked_at: 'The clean-up of revoked grants.',
    },
    unenforced: { client_id: CLIENT_REFERENCE },
    security: [
      'Revoking marks the row instead of deleting it: a request that lost a race may still write tokens, and must find the grant revoked.',
    ],
    lifetime: 'Until `expires_at` or `revoked_at`, and 30 days after.',
    initialContent: 'Empty.',
  },
  T_consents: {
    part: 'protocol',
    purpose:
      'What a user has allowed an application, for all sessions: a new session is asked only for what is new. Of first-party applications, it remembers connected accounts alone: nothing else is asked.',
    columns: {
      account_id: 'The user.',
      client_id: CLIENT,
      scope: 'The scopes that were allowed.',
      claims: 'The single claims that were allowed (the parameter `claims`), separated by spaces.',
      resources:
        'JSON: the scopes that were allowed of each resource (RFC 8707), by its identifier. `*` is the resource itself. NULL: none.',
      updated_at: 'When it was last extended; NULL if it never was.',
      last_used_at: 'When the user last allowed it, or a new session last relied on it instead of asking.',
    },
    indices: {
      I_consents_account_id_client_id:
        'A request that its session’s grant does not cover; one row for each account and application; deleting the account.',
    },
    security: [
      'A request that relies on a row updates it, on the condition that it is still there, in the commit that writes the grant and the code. If it was withdrawn, nothing is written and the user is asked.',
      'A token carries only those scopes that the application and the account still may have.',
      'Not used where another program can pretend to be the application: public applications at a loopback address, with a scheme of their own or with `display_code`.',
      'Not used for applications that nobody has checked: their users are asked in each session, and again for another redirect host.',
    ],
    lifetime:
      'Until it is withdrawn (at /account/applications, or with `latchkey grant revoke`), the account is disabled or taken over, or the account or application is deleted.',
    initialContent: 'Empty.',
  },
  T_authorization_codes: {
    part: 'protocol',
    purpose: 'An authorization code, on its way from the browser to the application.',
    columns: {
      code_hash: 'Digest of the code.',
      authorization_request_id:
        'The request it answers; NULL if no page was shown, or once that row is deleted.',
      account_id: 'The account.',
      client_id: CLIENT,
      grant_id: 'What the user allowed.',
      session_uid: 'The session that issued it.',
      redirect_uri: 'Where it was sent.',
      scope: 'The scopes the token will have.',
      state: 'The application’s `state`.',
      nonce: 'The application’s `nonce`; an account uses each one once.',
      response_type: 'Always `code`.',
      code_challenge: 'The PKCE challenge (RFC 7636).',
      code_challenge_method: '`S256`, or NULL without PKCE.',
      consumed_at: 'When it was exchanged. A second attempt revokes the tokens of the first.',
      payload: PAYLOAD,
      expires_at: 'A minute after it was issued.',
    },
    indices: {
      I_authorization_codes_code_hash: 'The exchange.',
      I_authorization_codes_account_id_nonce:
        'No nonce twice for an account; revoking everything of an account; deleting the account.',
      I_authorization_codes_authorization_request_id: 'The clean-up of requests, which sets it to NULL.',
      I_authorization_codes_expires_at: CLEAN_UP,
    },
    unenforced: {
      client_id: CLIENT_REFERENCE,
      grant_id: GRANT_REFERENCE,
      session_uid: SESSION_REFERENCE,
    },
    secrets: { code_hash: TIMED_DIGEST, code_challenge: CHALLENGE },
    security: [
      'A code is exchanged once: a conditional statement marks it as used, in the commit that writes the tokens (RFC 9700 section 2.1.1).',
    ],
    lifetime:
      'A minute. The row then stays for a week: for that time a second use is detected and its nonce is not accepted again.',
    initialContent: 'Empty.',
  },
  ...polledRequests,
  T_pushed_authorization_requests: {
    part: 'protocol',
    purpose: 'An authorization request that the application sent before redirecting the browser (RFC 9126).',
    columns: {
      request_hash: 'Digest of its `request_uri`.',
      consumed_at: 'When a code was issued for it.',
      payload: PAYLOAD,
      expires_at:
        'A minute after it was pushed; if the application has a secret, an hour later, until when a sign-in may use it.',
    },
    indices: {
      I_pushed_authorization_requests_request_hash: 'When the browser arrives.',
      I_pushed_authorization_requests_expires_at: CLEAN_UP,
    },
    secrets: { request_hash: DIGEST },
    security: [
      'Works once: one conditional statement marks it as used, in the commit that writes the code.',
      'An application without a secret pushes at most 100 requests from an address in 15 minutes.',
    ],
    lifetime: 'The browser must arrive within a minute.',
    initialContent: 'Empty.',
  },
};
