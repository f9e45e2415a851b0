import { ACCOUNTS, APPLICATION, seedDevelopment } from '../../../seeds/development.ts';
import type { Database } from '../../../src/database/open.ts';
import { SET_UP_ID } from '../../../src/identity/invitations/store.ts';
import { uuidv7 } from '../../../src/kit/ids.ts';
import { fill } from '../rows.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ago = (ms: number) => new Date(Date.now() - ms);
const soon = () => ago(-HOUR);

/** Writes the development data, and the rows that the statements of docs/DATABASE.md find or change. */
export async function knownRows(database: Database): Promise<void> {
  const { knex } = database;
  await seedDevelopment(
    knex,
    { hash: async () => 'x', verify: async () => true, canVerify: () => true, renew: async () => 'x' },
    '',
  );
  const [ada, mei] = ACCOUNTS.map(({ id }) => id) as [string, string];
  const client_id = APPLICATION.id;
  const put = async (table: string, row: Record<string, unknown>) => {
    const id = (row.id as string | undefined) ?? uuidv7();
    await fill(database, table, { ...row, id });
    return id;
  };
  const lock = (username: string, locked_until: Date, failed_login_attempts: number) =>
    knex('T_credentials').where({ username }).update({ locked_until, failed_login_attempts });
  await lock('ada', soon(), 7);
  await lock('mei', ago(HOUR), 3);

  const asked = (status: string, expires_at: Date, more = {}) =>
    put('T_authorization_requests', { client_id, status, expires_at, ...more });
  await asked('pending', soon());
  await asked('pending', soon());
  await asked('approved', soon());
  await asked('expired', ago(30 * DAY), { client_id: 'another' });

  const putEvent = (action: string, created_at: Date, more = {}) =>
    put('T_auth_audit_log', { action, created_at, account_id: ada, success: true, ...more });
  const wrong = { success: false, error_code: 'wrong_password' };
  await putEvent('sign_in.succeeded', ago(DAY + 2000), { ip_address: '192.0.2.1' });
  await putEvent('sign_in.failed', ago(DAY + 1000), wrong);
  await putEvent('sign_in.failed', ago(DAY + 1000), wrong);
  await putEvent('sign_in.failed', ago(40 * DAY), wrong);
  await putEvent('sign_in.failed', ago(800 * DAY), wrong);

  const invited = (label: string, more: Record<string, unknown>) =>
    put('T_invitations', { label, by_operator: true, max_uses: 1, uses: 0, ...more });
  await invited('Waiting', { expires_at: soon() });
  const used = await invited('Mei Tanaka', {
    id: 'the-id-of-the-invitation',
    uses: 1,
    email: 'mei@harbour.example',
  });
  await invited('Expired', { expires_at: ago(HOUR) });
  await invited('Withdrawn', { revoked_at: ago(HOUR) });
  await invited('Of nobody', { by_operator: false, created_by: null });
  await invited('Set up', { id: SET_UP_ID });
  await put('T_invitation_redemptions', { invitation_id: used, redeemed_by: mei, ip_address: '192.0.2.7' });

  const key = (name: string, more: Record<string, unknown>) =>
    put('T_webauthn_credentials', { name, kind: 'passkey', account_id: ada, signed_at: ago(HOUR), ...more });
  await key('Blue key', { signed_at: null });
  const old = await key('Old key', { last_used_at: ago(400 * DAY), created_at: ago(500 * DAY) });
  await key('Phone', { last_used_at: ago(HOUR), created_at: ago(500 * DAY) });
  await key('Lost key', { signed_at: null, deleted_at: ago(HOUR), created_at: ago(500 * DAY) });
  await putEvent('passkey.counter_regressed', ago(DAY), {
    target: old,
    ip_address: '192.0.2.9',
    success: false,
  });

  const session = async (account_id: string, more: Record<string, unknown> = {}) =>
    put('T_user_sessions', { account_id, last_used_at: ago(HOUR), expires_at: soon(), ...more });
  await session(ada);
  await session(ada);
  await session(mei);
  await session(mei, { is_active: false, uid: 'a-session-that-ended' });
  await session(mei, { expires_at: ago(HOUR) });

  const granted = await put('T_grants', { account_id: ada, client_id });
  await put('T_consents', { account_id: ada, client_id, scope: 'openid profile' });
  const token = (table: string, more: Record<string, unknown> = {}) =>
    put(table, { account_id: ada, client_id, grant_id: granted, expires_at: soon(), ...more });
  await token('T_access_tokens');
  await token('T_access_tokens');
  await token('T_access_tokens', { expires_at: ago(HOUR) });
  await token('T_refresh_tokens');
  await token('T_refresh_tokens', { consumed_at: ago(HOUR) });
  await put('T_oauth_clients', { client_id: 'another', is_active: true });
  await put('T_oauth_clients', { client_id: 'a-disabled-one', is_active: false });
  await token('T_refresh_tokens', { account_id: mei, client_id: 'another' });
  // Tokens that have not expired but are revoked or used, and one that outlives its session.
  await token('T_access_tokens', { client_id: 'a-disabled-one' });
  const grant_id = await put('T_grants', { account_id: ada, client_id, revoked_at: ago(HOUR) });
  await token('T_access_tokens', { grant_id });
  const session_uid = 'a-session-that-ended';
  await token('T_access_tokens', { session_uid, payload: '{"expiresWithSession":true}' });
  await token('T_refresh_tokens', { session_uid });
  await token('T_access_tokens', { account_id: null });
  const seen = { account_id: ada, client_id, expires_at: soon() };
  await put('T_revoked_tokens', { ...seen, reason: 'refresh_token_reuse', revoked_at: ago(HOUR) });

  const signing = (kid: string, alg: string, status: string) =>
    put('T_signing_keys', { kid, alg, status, not_before: ago(DAY) });
  await signing('the-kid-of-the-token', 'ES256', 'active');
  await signing('an-old-kid', 'RS256', 'retired');

  const connection = async (more: Record<string, unknown>, expires_at: Date | null) => {
    const state = { account_id: ada, provider: 'google', is_active: true, sync_status: 'active' };
    const id = await put('T_user_providers', { ...state, ...more });
    await put('T_oauth_tokens', { user_provider_id: id, active_slot: id, expires_at });
  };
  await connection({}, new Date(Date.now() + HOUR / 2));
  await connection({ provider: 'motion' }, null);
  const broken = { id: 'the-id-of-the-connection', account_id: mei, updated_at: ago(HOUR) };
  await connection({ ...broken, sync_status: 'error', sync_error: 'invalid_grant' }, ago(HOUR));
  const log = (more: Record<string, unknown>) =>
    put('T_sync_logs', {
      account_id: ada,
      provider: 'google',
      status: 'completed',
      started_at: ago(HOUR),
      ...more,
    });
  await log({ action_type: 'api_call', client_id, data_size: 100 });
  await log({ action_type: 'api_call', client_id, data_size: 23 });
  await log({ action_type: 'api_call', client_id, started_at: ago(25 * HOUR) });
  await log({ action_type: 'token_handout', client_id });
  await log({ action_type: 'full_sync', items_processed: 7 });
  await put('T_rate_limits', { expires_at: ago(HOUR) });
}
