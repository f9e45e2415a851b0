/**
 * FROM and WHERE of a query over live tokens, as `t`: unexpired, unused, of an active application and account, with a
 * grant and family that are not revoked, and with a live session unless the token outlives it (`offline_access` was granted).
 */
export const LIVE_TOKENS = `FROM (
  SELECT client_id, account_id, grant_id, session_uid, family_id, payload, 'access' AS token FROM T_access_tokens
  WHERE expires_at > CURRENT_TIMESTAMP
  UNION ALL SELECT client_id, account_id, grant_id, session_uid, family_id, payload, 'refresh' AS token FROM T_refresh_tokens
  WHERE expires_at > CURRENT_TIMESTAMP AND consumed_at IS NULL
) t
JOIN T_oauth_clients c ON c.client_id = t.client_id AND c.is_active = true
LEFT JOIN T_accounts a ON a.id = t.account_id AND a.is_active = true
LEFT JOIN T_grants g ON g.id = t.grant_id AND g.revoked_at IS NULL
LEFT JOIN T_user_sessions s
  ON s.uid = t.session_uid AND s.is_active = true AND s.expires_at > CURRENT_TIMESTAMP
WHERE (t.account_id IS NULL OR a.id IS NOT NULL)
  AND (t.grant_id IS NULL OR g.id IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM T_revoked_tokens v WHERE v.family_id = t.family_id)
  AND (t.session_uid IS NULL OR s.id IS NOT NULL OR t.payload NOT LIKE '%"expiresWithSession":true%')`;
