import { CLIENT_REFERENCE, type TableDescription } from './model.ts';

/** Why applications did or did not connect. */
export const traces: Record<string, TableDescription> = {
  T_traces: {
    part: 'audit',
    purpose:
      'What happened in an attempt of an application to connect, for `latchkey trace` and `/admin/trace`. Written by a job some seconds after the request.',
    columns: {
      attempt_id:
        'What the rows of one attempt have in common, whichever server wrote them: the id of its authorization request, else of its code, else of the application that registered itself, else made up.',
      client_id:
        'The `client_id` of the application, also of one that is not registered; NULL if there was none.',
      account_id: 'The account, once it is known.',
      status: 'How far the steps of this row led.',
      steps:
        'JSON: the steps, each with its time, and if it was refused the error, its description, its detail and the name of the parameter at fault. A redirect URI is without its query.',
      expires_at: 'When the row is deleted: a day after it was written.',
    },
    values: {
      status: {
        open: 'neither of the others',
        connected: 'the application got a token, or used one',
        refused: 'a step was refused',
      },
    },
    indices: {
      I_traces_attempt_id: 'The story of an attempt.',
      I_traces_expires_at: 'The clean-up.',
    },
    unenforced: {
      attempt_id: {
        target: 'T_authorization_requests.id',
        why: 'It may also be the id of a code, and attempts that fail early have neither row.',
      },
      client_id: CLIENT_REFERENCE,
      account_id: {
        target: 'T_accounts.id',
        why: 'The row is written after the request, when the account may be gone.',
      },
    },
    security: [
      'It has no code, token, secret, verifier or e-mail address, and no parameter but the redirect URI.',
      'Whoever sends how much, about a thousand rows are kept of refused attempts, 500 of those of applications that nobody has checked or that are not registered, and a thousand others.',
    ],
    lifetime: 'A day after it was written, unless LATCHKEY_RETENTION sets another time.',
    initialContent: 'Empty.',
  },
  T_unrecorded_requests: {
    part: 'audit',
    purpose:
      'How many refused requests are missing in `T_traces`, because a server got too many. Each server adds to a row of its own, and begins another after a quarter of an hour.',
    columns: {
      from_registered: 'Requests of applications that are registered, and failed sign-ins.',
      from_unknown: 'Requests that named no registered application.',
      expires_at: 'When the row is deleted: a day after the last request that it can count.',
    },
    indices: {
      I_unrecorded_requests_expires_at: 'The sum of the last day, and the clean-up.',
    },
    security: ['It has numbers alone.'],
    lifetime: 'A day after its quarter of an hour, unless LATCHKEY_RETENTION sets another time.',
    initialContent: 'Empty.',
  },
};
