import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createConnectionReport } from '../../src/connections/report/report.ts';
import { uuidv7 } from '../../src/kit/ids.ts';
import { engines } from '../support/engines.ts';
import { fill } from '../support/rows.ts';
import { openWorld } from '../support/world.ts';

const HOUR = 3_600_000;
const later = (milliseconds: number) => new Date(Date.now() + milliseconds);

for (const engine of engines) {
  test(`the report of connections on ${engine} counts states, and calls, hand-outs and syncs of the last 24 hours`, async (t) => {
    const { database } = await openWorld(t, engine);
    const account_id = uuidv7();
    await fill(database, 'T_accounts', { id: account_id, username: 'ada' });
    await fill(database, 'T_oauth_clients', { id: uuidv7(), client_id: 'notes', client_name: 'Fieldnotes' });

    async function connect(provider: string, columns: object, expires_at: Date | null): Promise<string> {
      const id = uuidv7();
      const state = { is_active: true, may_sign_in: false, sync_status: 'active', ...columns };
      await fill(database, 'T_user_providers', { id, account_id, provider, provider_user_id: id, ...state });
      const token = { id: uuidv7(), user_provider_id: id, active_slot: id, expires_at };
      await fill(database, 'T_oauth_tokens', token);
      return id;
    }
    await connect('google', {}, later(HOUR / 2));
    await connect('google', { sync_status: 'pending' }, later(2 * HOUR));
    await connect('google', { is_active: false }, later(HOUR / 2));
    // It only signs in.
    await connect('google', { is_active: false, may_sign_in: true, sync_status: 'disabled' }, null);
    const broken = { sync_status: 'error', sync_error: 'invalid_grant', updated_at: new Date() };
    const brokenId = await connect('google', broken, later(-HOUR));
    await connect('motion', {}, null);

    const log = (columns: Record<string, unknown>) =>
      fill(database, 'T_sync_logs', { id: uuidv7(), account_id, provider: 'google', ...columns });
    const call = {
      client_id: 'notes',
      action_type: 'api_call',
      status: 'completed',
      started_at: later(-HOUR),
    };
    await log({ ...call, data_size: 100 });
    await log({ ...call, data_size: 23 });
    await log({ ...call, status: 'failed' });
    await log({ ...call, started_at: later(-25 * HOUR) });
    const handout = { ...call, action_type: 'token_handout' };
    await log(handout);
    await log(handout);
    await log({ ...handout, status: 'failed' });
    await log({ ...handout, started_at: later(-25 * HOUR) });
    const sync = { action_type: 'full_sync', status: 'completed', started_at: later(-HOUR) };
    await log({ ...sync, items_processed: 7 });
    await log({ ...sync, items_processed: 5 });

    const report = await createConnectionReport(database)();
    assert.deepEqual([report.active, report.expiring, report.in_error], [3, 1, 1]);
    assert.deepEqual(report.connections, [
      { service: 'google', active: 2, expiring: 1, in_error: 1, paused: 1 },
      { service: 'motion', active: 1, expiring: 0, in_error: 0, paused: 0 },
    ]);
    assert.deepEqual(
      report.errors.map(({ id, username, error }) => [id, username, error]),
      [[brokenId, 'ada', 'invalid_grant']],
    );
    assert.deepEqual(
      report.calls.map(({ last_at: _, ...row }) => row),
      [
        {
          service: 'google',
          client_id: 'notes',
          client_name: 'Fieldnotes',
          status: 'completed',
          calls: 2,
          bytes: 123,
        },
        {
          service: 'google',
          client_id: 'notes',
          client_name: 'Fieldnotes',
          status: 'failed',
          calls: 1,
          bytes: 0,
        },
      ],
    );
    assert.deepEqual(
      report.handouts.map(({ client_name, status, handouts }) => [client_name, status, handouts]),
      [
        ['Fieldnotes', 'completed', 2],
        ['Fieldnotes', 'failed', 1],
      ],
    );
    assert.deepEqual(
      report.syncs.map(({ last_at: _, ...row }) => row),
      [{ service: 'google', action_type: 'full_sync', status: 'completed', runs: 2, items: 12 }],
    );
  });
}
