import { DIGEST, SERVICE_REFERENCE, type TableDescription } from './model.ts';

/** People who are at another service at the moment. */
export const upstreamStates: Record<string, TableDescription> = {
  T_upstream_states: {
    part: 'connections',
    purpose: 'A person who is at another service at the moment, to connect an account or to sign in.',
    columns: {
      state_hash: 'Digest of the `state` that was sent there.',
      account_id: 'The account that connects; NULL: a sign-in.',
      provider: 'The `service_name` of the service.',
      payload_sealed:
        'The PKCE verifier, the nonce, a digest that binds the browser, and where to go next; for a sign-up, the username, name and address that were typed.',
      consumed_at: 'When the person returned. The first return alone counts.',
      expires_at: 'Ten minutes after it was made.',
    },
    indices: {
      I_upstream_states_state_hash: 'The return; unique.',
      I_upstream_states_account_id: 'Deleting an account.',
      I_upstream_states_expires_at: 'The clean-up.',
    },
    unenforced: {
      provider: SERVICE_REFERENCE,
    },
    secrets: {
      state_hash: DIGEST,
      payload_sealed: {
        stored: 'sealed',
        ifStolen:
          'Nothing without LATCHKEY_SECRETS. With it, little: the code of the service is needed, too.',
      },
    },
    security: [
      'Bound to the browser by a cookie, to the service, and to the account or the authorization request. Good for one return.',
    ],
    lifetime: 'Until it expires.',
    initialContent: 'Empty.',
  },
};
