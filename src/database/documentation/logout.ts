import { CLIENT_REFERENCE, type TableDescription } from './model.ts';

const SESSION = 'The session that ended.';
const SESSION_REFERENCE = {
  target: 'T_user_sessions.uid',
  why: 'The row is read once, in the seconds after the session ended.',
};

/** What is left to tell applications about sign-outs (OpenID Connect Back-Channel Logout 1.0). */
export const logout: Record<string, TableDescription> = {
  T_ended_sessions: {
    part: 'protocol',
    purpose:
      'A sign-out whose applications have not been looked up yet. Written in the commit that ends the session.',
    columns: { session_uid: SESSION },
    indices: {},
    unenforced: { session_uid: SESSION_REFERENCE },
    security: [
      'The applications are looked up after the commit, so that one that signed its user in at the same moment is notified, too.',
    ],
    lifetime: 'Seconds: a job turns it into rows of T_logout_deliveries.',
    initialContent: 'Empty.',
  },
  T_logout_deliveries: {
    part: 'protocol',
    purpose: 'A logout token that an application with a `backchannel_logout_uri` is to get, or has got.',
    columns: {
      session_uid: SESSION,
      account_id: 'The account that was signed in.',
      client_id: 'The `client_id` of the application.',
      sid: 'The `sid` of the application’s ID tokens from that session.',
      status: 'How far it is.',
      attempts: 'How often it was sent.',
      last_error: 'Why the latest attempt failed; NULL after a success.',
      due_at:
        'When it is sent next; NULL when it is finished. While it is being sent: when another server may take over.',
      finished_at: 'When it was delivered or given up.',
    },
    values: {
      status: {
        pending: 'will be sent, or sent again',
        delivered: 'the application answered 200 or 204',
        failed: 'given up after nine attempts in about eight hours, or the application is disabled',
      },
    },
    indices: {
      I_logout_deliveries_due_at: 'The job that sends, every two seconds.',
      I_logout_deliveries_finished_at: 'The clean-up.',
    },
    unenforced: {
      session_uid: { target: 'T_user_sessions.uid', why: 'The log outlives sessions.' },
      account_id: {
        target: 'T_accounts.id',
        why: 'Applications learn of the sign-out when the account is deleted, too.',
      },
      client_id: CLIENT_REFERENCE,
    },
    security: [
      'One conditional UPDATE takes a row for a minute, so several servers send each token once, and none is lost with a server.',
    ],
    lifetime: 'A week after `finished_at`, unless LATCHKEY_RETENTION sets another time.',
    initialContent: 'Empty.',
  },
};
