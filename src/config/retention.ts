/** Which rows of a table the purge deletes, and when. */
export interface RetentionRule {
  table: string;
  /** The instant that decides; it has an index. Rows in which it is NULL are kept. */
  column: string;
  /** For how many days after that instant a row is kept, unless LATCHKEY_RETENTION names the table. */
  days: number;
  /** A further condition, in SQL, that a row must meet to be deleted. */
  only?: string;
}

/** Every table whose rows expire. Foreign keys decide whether rows that refer to a deleted row are deleted too. */
export const retentionRules: RetentionRule[] = [
  { table: 'T_authorization_requests', column: 'expires_at', days: 7 },
  { table: 'T_authorization_codes', column: 'expires_at', days: 7 },
  { table: 'T_access_tokens', column: 'expires_at', days: 0 },
  { table: 'T_refresh_tokens', column: 'expires_at', days: 7 },
  { table: 'T_grants', column: 'expires_at', days: 30 },
  { table: 'T_grants', column: 'revoked_at', days: 30 },
  { table: 'T_device_codes', column: 'expires_at', days: 0 },
  { table: 'T_backchannel_authentication_requests', column: 'expires_at', days: 0 },
  { table: 'T_pushed_authorization_requests', column: 'expires_at', days: 0 },
  { table: 'T_replay_detections', column: 'expires_at', days: 0 },
  // Applications that registered themselves: how long they last is in oidc/registration/unused-registrations.ts.
  { table: 'T_oauth_clients', column: 'expires_at', days: 30 },
  { table: 'T_registration_tokens', column: 'expires_at', days: 30 },
  // Tokens that change a registration have no end of their own, and are deleted after it.
  {
    table: 'T_registration_tokens',
    column: 'created_at',
    days: 1,
    only:
      "kind = 'RegistrationAccessToken' AND NOT EXISTS " +
      '(SELECT 1 FROM T_oauth_clients c WHERE c.client_id = T_registration_tokens.client_id)',
  },
  { table: 'T_revoked_tokens', column: 'expires_at', days: 0 },
  { table: 'T_user_sessions', column: 'expires_at', days: 30 },
  { table: 'T_logout_deliveries', column: 'finished_at', days: 7 },
  { table: 'T_known_browsers', column: 'expires_at', days: 0 },
  { table: 'T_closed_usernames', column: 'expires_at', days: 0 },
  { table: 'T_account_archives', column: 'expires_at', days: 0 },
  { table: 'T_reserved_usernames', column: 'expires_at', days: 0 },
  { table: 'T_account_links', column: 'expires_at', days: 90 },
  { table: 'T_security_notices', column: 'expires_at', days: 30 },
  { table: 'T_webauthn_challenges', column: 'expires_at', days: 0 },
  { table: 'T_rate_limits', column: 'expires_at', days: 0 },
  // Deleting a used invitation would delete the record of the accounts it created (its rows in T_invitation_redemptions).
  { table: 'T_invitations', column: 'expires_at', days: 365, only: 'uses = 0' },
  { table: 'T_invitation_redemptions', column: 'redeemed_at', days: 3650 },
  { table: 'T_traces', column: 'expires_at', days: 0 },
  { table: 'T_unrecorded_requests', column: 'expires_at', days: 0 },
  { table: 'T_upstream_states', column: 'expires_at', days: 0 },
  { table: 'T_oauth_tokens', column: 'ended_at', days: 30 },
  { table: 'T_token_refresh_log', column: 'created_at', days: 90 },
  { table: 'T_sync_logs', column: 'started_at', days: 90 },
  { table: 'T_auth_audit_log', column: 'created_at', days: 730 },
];

export const purgedTables = [...new Set(retentionRules.map(({ table }) => table))];

/** LATCHKEY_RETENTION: days by table, for tables that differ from the rules above. */
export type Retention = Record<string, number>;
