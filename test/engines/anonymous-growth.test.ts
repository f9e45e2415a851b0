import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAILURES_PER_HOUR } from '../../src/audit/event-limit.ts';
import { REFUSALS_PER_HOUR } from '../../src/oidc/audit-refusals.ts';
import { anonymousRequests } from '../support/builders/anonymous-requests.ts';
import { engines } from '../support/engines.ts';
import { countRows } from '../support/rows.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** The tables that have more rows than before, with how many more. */
async function growth(server: TestServer, before: Record<string, number>) {
  const after = await countRows(server.database);
  const more = Object.entries(after).map(([table, count]) => [table, count - (before[table] ?? 0)] as const);
  return Object.fromEntries(more.filter(([, count]) => count > 0));
}

/** `npm run bench:anonymous` sends 100,000 requests, and measures the bytes. */
for (const engine of engines) {
  test(`anonymous requests of any kind leave nothing, or a bounded number of rows, on ${engine}`, async (t) => {
    const server = await startServer(t, engine, { config: { trustProxy: 1 } });
    const client = await server.createClient();
    const { username, email } = await server.createAccount();
    const kinds = anonymousRequests(server, client, { username, email: String(email) });
    const addresses = ['192.0.2.1', '2001:db8::1', '2001:db8::2'];
    for (const { name, send, writes = [] } of kinds) {
      const before = await countRows(server.database);
      await Promise.all(addresses.flatMap((from) => [send(from), send(from)]));
      await server.settled();
      const grown = await growth(server, before);
      const tables = Object.keys(grown).filter((table) => !writes.includes(table));
      assert.deepEqual(tables, [], name);
      // An address has one counter, a /64 counts as one address, and a mailbox has a counter too.
      assert.ok((grown.T_rate_limits ?? 0) <= 2 * 2 + 6, name);
      assert.ok((grown.T_account_links ?? 0) <= 1, name);
    }
  });
}

test('the audit log grows by a bounded number of rows an hour, whoever sends how much', async (t) => {
  const server = await startServer(t, 'sqlite', { config: { trustProxy: 1 } });
  const client = await server.createClient();
  const { username, email } = await server.createAccount();
  const kinds = anonymousRequests(server, client, { username, email: String(email) });
  const before = await countRows(server.database);
  const refused = kinds.find(({ name }) => name === 'an authorization request with prompt=none');
  const unknown = kinds.find(({ name }) => name === 'the same answer of a passkey, again and again');
  assert.ok(refused && unknown);
  for (let index = 0; index < REFUSALS_PER_HOUR + 5; index += 1) await refused.send(`192.0.2.${index}`);
  assert.deepEqual(await growth(server, before), { T_auth_audit_log: REFUSALS_PER_HOUR });
  for (let index = 0; index < FAILURES_PER_HOUR + 20; index += 20)
    await Promise.all(Array.from({ length: 20 }, (_, one) => unknown.send(`2001:db8:${index}:${one}::1`)));
  const { T_auth_audit_log } = await growth(server, before);
  assert.equal(T_auth_audit_log, REFUSALS_PER_HOUR + FAILURES_PER_HOUR);
});
