import { DIGEST, type TableDescription } from './model.ts';

export const applications: Record<string, TableDescription> = {
  T_oauth_clients: {
    part: 'applications',
    purpose: 'A registered application, or a service that authenticates as itself.',
    columns: {
      client_id: 'The public identifier of the application.',
      client_name: 'The name on the consent page.',
      client_type: 'Whether it can keep a secret.',
      redirect_uris: 'JSON list: where codes can be sent. Compared byte for byte.',
      allowed_scopes: 'JSON list: the scopes it can request; wildcards allowed.',
      require_pkce: 'False if `pkce` is `off`. For servers of the version before that column.',
      is_first_party: 'True: users are not asked for consent, except for their connected accounts.',
      is_active: 'False: disabled on every server within a second.',
      created_by:
        'The account that registered it; NULL for the operator, and for an application that registered itself.',
      registered_via: 'How it was registered.',
      metadata:
        'JSON: the rest of its RFC 7591 document, with its public keys, and in `claims` its mappings (`client create --claim`).',
      last_used_at: 'The last use, to the hour.',
      expires_at:
        'When its registration ends unless it is used; NULL: never. Set for applications that registered themselves.',
      updated_at: 'The last change.',
      refresh_token_max_ttl:
        'Seconds after the sign-in at which its refresh tokens end; NULL: LATCHKEY_REFRESH_TOKEN_MAX_TTL.',
      pkce: 'How its codes must be protected (OAuth 2.1 section 7.5.1). Public applications always use PKCE.',
      logo_uri: 'Its logo on the consent page, as a `data:` URL of at most 32 kB; NULL: none.',
      last_refused:
        'JSON: its latest request that was refused: time, action, error, parameter at fault and description.',
      refresh_overlap: 'Seconds for which a used refresh token works again; NULL: LATCHKEY_REFRESH_OVERLAP.',
      registration_token_id: 'The token with which it registered itself.',
    },
    values: {
      client_type: {
        public: 'cannot: a browser, mobile or desktop application',
        confidential: 'can: a server',
      },
      pkce: {
        always: 'requests without PKCE are rejected',
        'or-nonce': 'requests without PKCE need the scope `openid` and a `nonce`',
        off: 'requests with neither are accepted',
      },
      registered_via: {
        admin: 'by an administrator or the command',
        dynamic: 'by itself (RFC 7591)',
        registration_token: 'by itself, with a token of the operator',
        metadata_document: 'by a document at the URL that is its client_id',
      },
    },
    indices: {
      I_oauth_clients_client_id: 'Every request of an application; unique.',
      I_oauth_clients_expires_at: 'The clean-up, and the limit of unused registrations.',
    },
    unenforced: {
      created_by: {
        target: 'T_accounts.id',
        why: 'An application outlives the account that registered it.',
      },
      registration_token_id: {
        target: 'T_registration_tokens.id',
        why: 'An application outlives the token with which it registered.',
      },
    },
    security: ['Latchkey’s own pages are a client too, but without a row, so SQL cannot change that client.'],
    lifetime:
      'Until its row is deleted. Disabled applications stay. Of an application that registered itself: 30 days after `expires_at`.',
    initialContent: '`npm run seed`: `Fieldnotes`.',
  },
  T_oauth_client_secrets: {
    part: 'applications',
    purpose: 'A secret of an application. Two can be valid at the same time, so that secrets can be rotated.',
    columns: {
      client_id: 'The `id` (not the `client_id`) of its application.',
      secret_hash: 'Digest of the secret of 256 random bits.',
      secret_sealed:
        'The secret itself, if the application authenticates with `client_secret_jwt`, whose HMAC needs it; otherwise NULL.',
      description: 'A note of the person who made it.',
      is_active: 'False once a rotation ended it.',
      last_used_at: 'Not used yet.',
      expires_at: 'Not used yet.',
    },
    indices: {
      I_oauth_client_secrets_client_id:
        'Every request of a confidential application; deleting the application.',
    },
    secrets: {
      secret_hash: DIGEST,
      secret_sealed: {
        stored: 'sealed',
        ifStolen: 'Nothing without LATCHKEY_SECRETS. With it, impersonate the application.',
      },
    },
    security: ['Shown once, when it is made. Compared in constant time.'],
    lifetime: 'As long as its application. A rotation marks the oldest secret inactive.',
    initialContent: '`npm run seed`: the secret of `Fieldnotes`, which is public (see `seeds/`).',
  },
  T_scope_descriptions: {
    part: 'applications',
    purpose: 'What the consent page says about a scope of an API.',
    columns: {
      scope: 'The scope, without wildcards.',
      description: 'What it lets an application do: `Read your notes`.',
      updated_at: 'Not used yet.',
    },
    indices: { I_scope_descriptions_scope: 'The consent page; one description for each scope.' },
    security: [],
    lifetime: 'Until `latchkey scope describe` removes it with an empty description.',
    initialContent: 'Empty.',
  },
  T_resource_servers: {
    part: 'applications',
    purpose:
      'An API that tokens are issued for, when an application names it in the parameter `resource` (RFC 8707).',
    columns: {
      identifier:
        'Its absolute URI: the value of `resource`, and the `aud` of its tokens. Compared byte for byte.',
      name: 'The name on the consent page.',
      scopes: 'JSON list: the scopes that it serves, without wildcards.',
      token_format: 'How its access tokens are made.',
      signing_alg: 'The algorithm that signs its JWTs.',
      access_token_ttl:
        'Seconds for which its access tokens live. NULL: LATCHKEY_ACCESS_TOKEN_TTL, and for a JWT at most 600.',
      client_id: 'The client of the API, which may introspect its opaque tokens; NULL: none.',
      hosts_metadata:
        'True: its metadata (RFC 9728) is published at /.well-known/oauth-protected-resource/ and its `id`.',
      authorization_types:
        'JSON: what the consent page says, by type of authorization details (RFC 9396). NULL: it has none.',
      is_active: 'False: disabled on every server within a second.',
      updated_at: 'The last change.',
    },
    values: {
      token_format: {
        opaque: 'a random value with a row in `T_access_tokens`',
        jwt: 'a signed JWT (RFC 9068), which is not stored and cannot be revoked',
      },
      signing_alg: { RS256: 'RSA, 2048 bits', ES256: 'P-256', EdDSA: 'Ed25519' },
    },
    indices: {
      I_resource_servers_identifier: 'Every request that names it, and introspection of its tokens; unique.',
      I_resource_servers_client_id: 'Deleting the application.',
    },
    security: [
      'A token for a resource has only scopes that the resource serves, the application may request, and the account may have. Without any such scope there is no token.',
    ],
    lifetime:
      'Until its row is deleted. Disabled resources stay: what people have allowed for them would otherwise be allowed for a later one of the same name.',
    initialContent: 'Empty.',
  },
  T_pairwise_salts: {
    part: 'applications',
    purpose:
      'The value from which the subjects of applications with `subject_type` `pairwise` are computed, with the account and the sector of the application.',
    columns: {
      number: '1. There is one row.',
      salt: '256 random bits. Another value would give every user another `sub`, so applications would not recognize them.',
    },
    indices: {
      I_pairwise_salts_number: 'Of several servers that start at once, one creates the row; unique.',
    },
    secrets: {
      salt: {
        stored: 'plain',
        ifStolen:
          'With the accounts, tells which users of two applications are the same person. The consents in the same copy tell that too.',
      },
    },
    security: [
      'Not encrypted with LATCHKEY_SECRETS, because subjects must stay the same when these are rotated.',
    ],
    lifetime: 'Permanent.',
    initialContent: 'The first start creates the row.',
  },
  T_signing_keys: {
    part: 'applications',
    purpose:
      'A key that signs ID tokens and JWT access tokens. `kid` in a token’s header identifies the row.',
    columns: {
      kid: 'The RFC 7638 thumbprint of the public key.',
      alg: 'The algorithm.',
      status: 'The state of the key.',
      active_slot:
        '`alg` while the key is active, `next:` and `alg` while it is the next one, otherwise NULL. Unique: one active and one next key for each algorithm.',
      public_jwk: 'JSON: the public key, as published at `/jwks`.',
      private_jwk_sealed: 'The private key.',
      not_before:
        'When it began to sign. Of the next key: from when the servers let it sign on their own, a day after it was published.',
      retired_at: 'When it stopped signing. The row is deleted LATCHKEY_SESSION_MAX_TTL later.',
      expires_at:
        'A retired key is published until then, because tokens that it signed may still be valid. The same as `retired_at` if it leaked: nothing that it signed is accepted.',
    },
    values: {
      alg: { RS256: 'RSA, 2048 bits', ES256: 'P-256', EdDSA: 'Ed25519' },
      status: {
        next: 'published; will sign later',
        active: 'signs',
        retired: 'no longer signs; still published until `expires_at`, and then accepted only to sign out',
      },
    },
    indices: {
      I_signing_keys_kid: 'Which key signed a token; unique.',
      I_signing_keys_active_slot: 'If two servers create a key at the same time, only one succeeds.',
    },
    secrets: {
      private_jwk_sealed: {
        stored: 'sealed',
        ifStolen: 'Nothing without LATCHKEY_SECRETS. With it, sign as this server: full access.',
      },
      kid: { stored: 'plain', ifStolen: 'Nothing: derived from the public key.' },
      public_jwk: { stored: 'plain', ifStolen: 'Nothing: it is published.' },
    },
    security: ['The server does not start if LATCHKEY_SECRETS cannot decrypt a key.'],
    lifetime: 'Permanent, because retired keys still verify signatures.',
    initialContent: 'The first start creates one key for each algorithm.',
  },
};
