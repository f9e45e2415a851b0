import {
  BY_ACCOUNT,
  CLEAN_UP,
  CLIENT,
  CLIENT_REFERENCE,
  DIGEST,
  GRANT_REFERENCE,
  PAYLOAD,
  type StoredSecret,
  type TableDescription,
} from './model.ts';

/** A request that the user confirms elsewhere, while the application polls for the tokens. */
const polled = (
  name: string,
  purpose: string,
  {
    account,
    userCode,
    ...own
  }: Pick<TableDescription, 'security' | 'lifetime' | 'initialContent'> & {
    account: string;
    userCode: { column: string; index: string; secret: StoredSecret };
  },
): TableDescription => ({
  part: 'protocol',
  purpose,
  columns: {
    code_hash: 'Digest of the code the application polls with.',
    user_code_hash: userCode.column,
    code_sealed: 'The codes, for the engine.',
    account_id: account,
    client_id: CLIENT,
    grant_id: 'What the user allowed.',
    scope: 'The requested scopes.',
    consumed_at: 'When it was exchanged for tokens.',
    payload: PAYLOAD,
    expires_at: 'When it expires.',
  },
  indices: {
    [`I_${name}_code_hash`]: 'Polling.',
    [`I_${name}_user_code_hash`]: userCode.index,
    [`I_${name}_account_id`]: BY_ACCOUNT,
    [`I_${name}_expires_at`]: CLEAN_UP,
  },
  unenforced: { client_id: CLIENT_REFERENCE, grant_id: GRANT_REFERENCE },
  secrets: {
    code_hash: DIGEST,
    user_code_hash: userCode.secret,
    code_sealed: {
      stored: 'sealed',
      ifStolen: 'Nothing without LATCHKEY_SECRETS. With it, collect the tokens once the user has agreed.',
    },
  },
  ...own,
});

export const polledRequests: Record<string, TableDescription> = {
  T_device_codes: polled(
    'device_codes',
    'A device without a browser, waiting for its user to confirm elsewhere (RFC 8628).',
    {
      account: 'The account that confirmed it, if one has.',
      userCode: {
        column: 'Digest of the code that the user types; NULL once the user has answered.',
        index: 'Finding the request for the code that the user typed.',
        secret: {
          stored: 'hashed',
          ifStolen: 'Guess the code while it is valid: it is short. It only identifies the request.',
        },
      },
      security: [
        'A code is answered once and exchanged once. A conditional statement records the user’s answer and sets `user_code_hash` to NULL. Another one marks the code as used, in the commit that writes the tokens.',
        'An address may try 20 unknown codes in 15 minutes. An application without a secret can request at most 100 from one address in that time.',
      ],
      lifetime: 'Ten minutes.',
      initialContent: 'Empty.',
    },
  ),
  T_backchannel_authentication_requests: polled(
    'backchannel_authentication_requests',
    'An application waiting for a user who is asked on another device (CIBA).',
    {
      account: 'The account that is asked.',
      userCode: {
        column:
          'Digest of the code that the application polls with, until the user has answered; then NULL. The user types no code.',
        index: 'One answer for each request.',
        secret: DIGEST,
      },
      security: [
        'One conditional statement records the answer, and another exchanges it for tokens. Each works once.',
      ],
      lifetime: 'At most ten minutes.',
      initialContent: 'Empty.',
    },
  ),
};
