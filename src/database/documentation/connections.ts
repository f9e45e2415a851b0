import { CLIENT_REFERENCE, DIGEST, SERVICE_REFERENCE, type TableDescription } from './model.ts';

const SYNC_ACTIONS = {
  full_sync: 'the profile and the first page of everything that the scopes allow',
  incremental_sync: 'what has changed since the last time',
  single_item_sync: 'one kind of item, such as contacts',
  api_call: 'a call that an application made through the proxy',
  token_handout: 'an application was given the access token of the connection, or tried to get it',
};

/** Accounts of people at other services, such as Google. */
export const connections: Record<string, TableDescription> = {
  T_service_configs: {
    part: 'connections',
    purpose: 'A service at which people can connect their accounts, such as Google or Motion.',
    columns: {
      service_name: 'Its name in paths, scopes and commands: `google`.',
      display_name: 'Its name on pages.',
      auth_type: 'How it authenticates requests.',
      issuer: 'The `iss` of its ID tokens and authorization responses; NULL: it has none.',
      client_id: 'The client that was registered there for Latchkey. NULL for a service with API keys.',
      client_secret_sealed: 'The secret of that client; NULL: it has none.',
      scopes: 'JSON list: the scopes that are requested there.',
      auth_url: 'Its authorization endpoint.',
      token_url: 'Its token endpoint.',
      revoke_url: 'Where tokens are revoked (RFC 7009); NULL: it offers none.',
      userinfo_url: 'Where the identity of a connected account is read.',
      api_base_urls: 'JSON list: the only URLs below which a credential is ever sent.',
      settings: 'JSON: further parameters, the header of an API key, limits, how identity is read.',
      is_active: 'False: nobody can connect or use it, on every server within a second.',
      updated_at: 'The last change.',
    },
    values: {
      auth_type: {
        oauth2: 'OAuth 2, with or without OpenID Connect',
        api_key: 'a key that the person enters',
      },
    },
    indices: { I_service_configs_service_name: 'Every use of the service; unique.' },
    secrets: {
      client_secret_sealed: {
        stored: 'sealed',
        ifStolen: 'Nothing without LATCHKEY_SECRETS. With it, act as this server at that service.',
      },
    },
    security: [
      'Anybody who can change `api_base_urls` or a URL here can receive the credentials of every connection.',
    ],
    lifetime: 'Until its row is deleted. Disabled services stay.',
    initialContent: 'Empty.',
  },
  T_user_providers: {
    part: 'connections',
    purpose: 'A connection: an account of a person at another service.',
    columns: {
      account_id: 'The account of the person.',
      provider: 'The `service_name` of the service.',
      provider_user_id: 'The identifier of the account at that service.',
      email: 'Its e-mail address there. It links nothing.',
      display_name: 'Its name there.',
      avatar_url: 'Its picture there.',
      access_level: 'The most that its credential can do there.',
      is_active: 'False: applications cannot use it, because it was paused or only signs in.',
      may_sign_in: 'Whether its person signs in with it, as long as the service allows that.',
      signed_in_at: 'When it last signed its person in.',
      sync_status: 'Whether it can be used.',
      sync_state: 'JSON: where the next incremental sync begins, such as the `historyId` of Gmail.',
      last_sync_at: 'When its data was last read.',
      sync_due_at: 'When the job reads it next; NULL: never.',
      sync_error: 'Why it cannot be used: a stable code.',
      updated_at: 'The last change.',
    },
    values: {
      access_level: {
        read: 'reads only',
        write: 'reads and changes',
        admin: 'everything, as an API key does',
      },
      sync_status: {
        pending: 'not read yet',
        active: 'works',
        error: 'needs the person: `sync_error` says why',
        disabled: 'paused, or without a credential',
      },
    },
    indices: {
      I_user_providers_provider_provider_user_id:
        'Connecting; unique, so an account there belongs to one account here.',
      I_user_providers_account_id_provider: 'The page of connections, and each request of an application.',
      I_user_providers_sync_due_at: 'The job that reads.',
    },
    unenforced: { provider: SERVICE_REFERENCE },
    security: [
      'A connection is made by the signed-in person alone, or with the invitation that creates the account. An e-mail address from another service never links an account.',
      'Anybody who can set `may_sign_in`, `provider_user_id` or `account_id` here can sign in to any account.',
    ],
    lifetime: 'Until the person disconnects it: the row and its credentials are deleted.',
    initialContent: 'Empty.',
  },
  T_oauth_tokens: {
    part: 'connections',
    purpose: 'The credential of a connection: tokens, or an API key.',
    columns: {
      user_provider_id: 'Its connection.',
      active_slot: 'The same as `user_provider_id` while it is the active credential, otherwise NULL.',
      access_token_sealed: 'The access token or API key. NULL once it was replaced.',
      refresh_token_sealed: 'The refresh token; NULL: none was issued, or it was replaced.',
      token_type: '`Bearer`, `DPoP` or `api_key`.',
      scope: 'The scopes that the service granted.',
      expires_at: 'When the access token expires; NULL: not known, or never.',
      is_active: 'Whether it is the active credential.',
      version: 'Grows with each change of the tokens, so that two refreshes cannot overwrite each other.',
      refresh_due_at: 'When the job refreshes it; NULL: never.',
      lease_owner: 'The request or job that is refreshing the credential.',
      lease_expires_at: 'When another request or job may take the lease.',
      failed_refreshes: 'How many refreshes in a row have failed.',
      last_used_at: 'When it was last used.',
      usage_count: 'How often it was used.',
      metadata: 'JSON: what else the service answered, without secrets.',
      ended_at: 'When it was replaced.',
      updated_at: 'The last change.',
    },
    indices: {
      I_oauth_tokens_active_slot: 'Every use; unique, so a connection has one active credential.',
      I_oauth_tokens_user_provider_id: 'Deleting a connection.',
      I_oauth_tokens_refresh_due_at: 'The job that refreshes.',
      I_oauth_tokens_ended_at: 'The clean-up.',
    },
    secrets: {
      access_token_sealed: {
        stored: 'sealed',
        ifStolen: 'Nothing without LATCHKEY_SECRETS. With it, act for the person at that service.',
      },
      refresh_token_sealed: {
        stored: 'sealed',
        ifStolen:
          'Nothing without LATCHKEY_SECRETS and the client’s secret. With both, act for the person for months.',
      },
    },
    security: [
      'Table, column and id of the row are authenticated with the ciphertext: moved to another row, it does not open.',
      'One conditional UPDATE takes the lease, so however many requests and servers need a refresh, one asks the service.',
    ],
    lifetime:
      'With its connection. A replaced credential loses its tokens at once, and its row 30 days later.',
    initialContent: 'Empty.',
  },
  T_token_refresh_log: {
    part: 'connections',
    purpose: 'An attempt to refresh the tokens of a connection.',
    columns: {
      token_id: 'The credential.',
      old_token_hash: 'Digest of the refresh token that was sent.',
      new_token_hash: 'Digest of the new refresh token; NULL if the service returned none.',
      refresh_used: 'Whether the answer had a new refresh token.',
      success: 'Whether new tokens were stored.',
      error_code: 'Why not. `no_outcome`: the attempt began, and nothing is known of its end.',
      error_message: 'The status and error code of the service, and no sentence of it.',
      duration_ms: 'How long the service took.',
    },
    indices: {
      I_token_refresh_log_token_id: 'The history of a credential; deleting a connection.',
      I_token_refresh_log_created_at: 'The clean-up.',
    },
    secrets: { old_token_hash: DIGEST, new_token_hash: DIGEST },
    security: [
      'The row is written before the service is asked. A server that is killed in between leaves it as the trace of a token that may be lost.',
    ],
    lifetime: '90 days, unless LATCHKEY_RETENTION sets another time; not longer than its credential.',
    initialContent: 'Empty.',
  },
  T_sync_logs: {
    part: 'connections',
    purpose:
      'A use of a connection: a call of an application through the proxy, a token that it was given, or a sync.',
    columns: {
      account_id: 'The person whose connection was used.',
      user_provider_id: 'The connection; NULL once it is gone.',
      provider: 'The `service_name` of the service.',
      client_id: 'The application; NULL: Latchkey itself.',
      action_type: 'What was done.',
      status: 'How it ended.',
      resource: 'The method and path of a call without its query, or what was read.',
      data_size: 'Bytes of the answer.',
      items_processed: 'Items that were read.',
      items_total: 'Items that there were.',
      duration_ms: 'How long it took.',
      error_code: 'Why it failed: a stable code, or the status of the service.',
      error_message: 'What went wrong, without what the service sent.',
      started_at: 'When it began.',
      completed_at: 'When it ended; NULL: it has not, or the server was killed.',
    },
    values: {
      action_type: SYNC_ACTIONS,
      status: {
        started: 'has begun',
        in_progress: 'some items were read',
        completed: 'ended well',
        failed: 'ended badly',
        cancelled: 'the application or a stopping server ended it',
      },
    },
    indices: {
      I_sync_logs_account_id_id: 'The person’s own page.',
      I_sync_logs_user_provider_id: 'The last use of a connection; deleting one.',
      I_sync_logs_started_at: 'The report of the last 24 hours, and the clean-up.',
    },
    unenforced: { client_id: CLIENT_REFERENCE, provider: SERVICE_REFERENCE },
    security: ['Queries and bodies are not stored: they can be private, or hold secrets.'],
    lifetime: '90 days, unless LATCHKEY_RETENTION sets another time.',
    initialContent: 'Empty.',
  },
};
