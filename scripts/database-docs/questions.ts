import { LIVE_TOKENS } from '../../src/maintenance/live-tokens.ts';
import type { Report } from '../../src/maintenance/reports.ts';

/** Questions about one account, invitation or token. The examples use the accounts of `npm run seed`. */
export const QUESTIONS: Record<string, Report> = {
  'is-locked': {
    description: 'whether the account `ada` is locked, and until when',
    sql: `SELECT username, failed_login_attempts, locked_until
FROM T_credentials
WHERE username = 'ada' AND locked_until > CURRENT_TIMESTAMP`,
  },
  unlock: {
    description: 'unlock the account',
    sql: `UPDATE T_credentials SET failed_login_attempts = 0, locked_until = NULL WHERE username = 'ada'`,
  },
  'came-by': {
    description: 'which accounts used an invitation. Find its id with the report `arrivals`',
    sql: `SELECT a.username, r.redeemed_at, r.ip_address
FROM T_invitations i
JOIN T_invitation_redemptions r ON r.invitation_id = i.id
LEFT JOIN T_accounts a ON a.id = r.redeemed_by
WHERE i.id = 'the-id-of-the-invitation'`,
  },
  'holds-tokens': {
    description: 'which applications have valid tokens of the account',
    sql: `SELECT t.client_id, c.client_name, t.token, COUNT(*) AS tokens
${LIVE_TOKENS}
  AND a.username = 'ada'
GROUP BY t.client_id, c.client_name, t.token
ORDER BY t.client_id, t.token`,
  },
  allowed: {
    description:
      'what the account has allowed applications. `latchkey grant revoke --account ada` withdraws it',
    sql: `SELECT s.client_id, c.client_name, s.scope, s.created_at, s.last_used_at
FROM T_consents s
JOIN T_accounts a ON a.id = s.account_id
JOIN T_oauth_clients c ON c.client_id = s.client_id
WHERE a.username = 'ada'
ORDER BY s.created_at`,
  },
  'signed-by': {
    description:
      'which key a token claims to be signed with. Take `kid` from its header, the base64url JSON before the first dot. Only verifying the signature proves it',
    sql: `SELECT alg, status, not_before, retired_at
FROM T_signing_keys
WHERE kid = 'the-kid-of-the-token'`,
  },
  history: {
    description: 'the latest audit events of the account',
    sql: `SELECT l.created_at, l.action, l.client_id, l.ip_address, l.error_code
FROM T_auth_audit_log l JOIN T_accounts a ON a.id = l.account_id
WHERE a.username = 'ada'
ORDER BY l.created_at DESC
LIMIT 20`,
  },
  'sign-out': {
    description: 'end every session of the account. Tokens that belong to a session end with it',
    sql: `UPDATE T_user_sessions SET is_active = false
WHERE is_active = true AND account_id = (SELECT id FROM T_accounts WHERE username = 'ada')`,
  },
  'shut-out': {
    description: 'disable the account, immediately and on every server',
    sql: `UPDATE T_accounts SET is_active = false WHERE username = 'ada'`,
  },
};
