import { type Described, DIGEST } from './model.ts';

export const applications: Record<string, Described> = {
  T_oauth_clients: {
    part: 'applications',
    purpose: 'An application that people sign in to, or a service that signs in as itself.',
    columns: {
      client_id: 'The name it gives itself in the protocol; public.',
      client_name: 'What people read when they are asked for consent.',
      client_type: 'Whether it can keep a secret.',
      redirect_uris: 'JSON list: where codes may go; compared byte for byte.',
      allowed_scopes: 'JSON list: what it may ask for; wildcards.',
      require_pkce: 'Whether a request without PKCE is refused.',
      is_first_party: 'Ours: people are not asked for consent.',
      is_active: 'False: refused within a second on every server.',
      created_by: 'Who registered it; NULL for the operator.',
      registered_via: 'How it came to be.',
      metadata: 'JSON: the rest of its RFC 7591 document.',
      last_used_at: 'When it was used last, to the hour.',
      expires_at: 'When its registration ends; NULL: never. Not set yet.',
      updated_at: 'The last change.',
    },
    values: {
      client_type: {
        public: 'cannot: a browser, mobile or desktop application',
        confidential: 'can: a server',
      },
      registered_via: {
        admin: 'by an administrator or the command line',
        dynamic: 'by itself (RFC 7591); not yet',
        metadata_document: 'by a document at the address that is its name; not yet',
      },
    },
    indices: { I_oauth_clients_client_id: 'Every request of an application; no two of one name.' },
    loose: {
      created_by: { names: 'T_accounts.id', why: 'An application stays when who registered it is gone.' },
    },
    security: ['Latchkey’s own pages are an application too, without a row: it cannot be changed by SQL.'],
    life: 'Until it is deleted. Disabling keeps it.',
    content: '`npm run seed`: `Fieldnotes`.',
  },
  T_oauth_client_secrets: {
    part: 'applications',
    purpose: 'Secrets of an application; two may be good at once, so that one can be rotated.',
    columns: {
      client_id: 'The `id` of its application.',
      secret_hash: 'Digest of the secret of 256 random bits.',
      secret_sealed: 'The secret itself, for methods that need it (`client_secret_jwt`). Not written yet.',
      description: 'In the words of who made it.',
      is_active: 'False once a rotation took it away.',
      last_used_at: 'Not written yet.',
      expires_at: 'Not set yet.',
    },
    indices: {
      I_oauth_client_secrets_client_id: 'Every request of a confidential application; deleting it.',
    },
    secrets: {
      secret_hash: DIGEST,
      secret_sealed: {
        rests: 'sealed',
        thief: 'Nothing without LATCHKEY_SECRETS; with it, be that application.',
      },
    },
    security: ['Told once, when it is made. Compared in constant time.'],
    life: 'As long as its application; a rotation marks the oldest inactive.',
    content: '`npm run seed`: the secret of `Fieldnotes`, which anybody can read in `seeds/`.',
  },
  T_signing_keys: {
    part: 'applications',
    purpose: 'The keys that ID tokens are signed with; `kid` in the header of a token names its row.',
    columns: {
      kid: 'RFC 7638 thumbprint of the public key.',
      alg: 'The algorithm.',
      status: 'What it is used for.',
      active_slot: 'Its `alg` while it signs, else NULL: one signs for each algorithm.',
      public_jwk: 'JSON: what `/jwks` publishes.',
      private_jwk_sealed: 'The private key.',
      not_before: 'Since when it may sign.',
      retired_at: 'Since when it only verifies.',
      expires_at: 'When nothing that it signed is valid any more. Not set yet.',
    },
    values: {
      alg: { RS256: 'RSA, 2048 bits', ES256: 'P-256', EdDSA: 'Ed25519' },
      status: {
        next: 'published, signs soon',
        active: 'signs',
        retired: 'verifies what it signed, and signs nothing',
      },
    },
    indices: {
      I_signing_keys_kid: 'Which key signed a token; no two of one name.',
      I_signing_keys_active_slot: 'Of two servers that start at once one makes the key.',
    },
    secrets: {
      private_jwk_sealed: {
        rests: 'sealed',
        thief: 'Nothing without LATCHKEY_SECRETS; with it, sign as this server: everything.',
      },
      kid: { rests: 'plain', thief: 'Nothing: derived from the public key.' },
      public_jwk: { rests: 'plain', thief: 'Nothing: published.' },
    },
    security: ['A key that does not open with LATCHKEY_SECRETS stops the server at its start.'],
    life: 'Kept: a retired key verifies what it signed.',
    content: 'The first start makes one for each algorithm.',
  },
};
