/** Which rows of a table go, and when. */
export interface Rule {
  table: string;
  /** The instant that decides; it has an index. A row without it stays. */
  column: string;
  /** For how many days after that instant a row is kept, unless LATCHKEY_RETENTION says otherwise. */
  days: number;
  /** What else must be true of a row that goes. */
  only?: string;
}

/** Every table whose rows expire. What hangs on a row goes, or forgets it, as its foreign keys say. */
export const rules: Rule[] = [
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
  { table: 'T_registration_tokens', column: 'expires_at', days: 0 },
  { table: 'T_revoked_tokens', column: 'expires_at', days: 0 },
  { table: 'T_user_sessions', column: 'expires_at', days: 30 },
  { table: 'T_known_browsers', column: 'expires_at', days: 0 },
  { table: 'T_account_links', column: 'expires_at', days: 90 },
  { table: 'T_webauthn_challenges', column: 'expires_at', days: 0 },
  { table: 'T_rate_limits', column: 'expires_at', days: 0 },
  // With an invitation its part of the ledger would go.
  { table: 'T_invitations', column: 'expires_at', days: 365, only: 'uses = 0' },
  { table: 'T_invitation_redemptions', column: 'redeemed_at', days: 3650 },
  { table: 'T_auth_audit_log', column: 'created_at', days: 730 },
];

export const purgedTables = [...new Set(rules.map(({ table }) => table))];

/** Days by table, where they differ from those above. */
export type Retention = Record<string, number>;

/** The condition in the SQL that the documentation prints; see `inDialect`. */
export function conditionOf({ table, column, days, only }: Rule, retention: Retention = {}): string {
  const kept = retention[table] ?? days;
  const before = kept === 0 ? 'CURRENT_TIMESTAMP' : `{${kept} days ago}`;
  return `${column} < ${before}${only ? ` AND ${only}` : ''}`;
}
