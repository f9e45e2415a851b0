import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRecorder } from '../../src/oidc/trace/recorder.ts';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const WRONG = { redirect_uri: 'https://wrong.example/cb' };

/** Sends so many refused requests from that address, each of another application, all at once. */
async function refuse(server: TestServer, address: string, clientIds: string[]): Promise<void> {
  const requests = clientIds.map(async (client_id) => {
    const url = authorizeUrl(authorization({ client_id, redirect_uris: [] }, WRONG));
    const answer = await fetch(new URL(url, server.issuer), {
      headers: { 'x-forwarded-for': address },
      redirect: 'manual',
    });
    assert.equal(answer.status, 400);
  });
  await Promise.all(requests);
}

const madeUp = (count: number) =>
  Array.from({ length: count }, () => `app-${crypto.randomUUID().slice(0, 8)}`);

test('made-up applications hide no refused attempt of a registered one, and lists say what is missing', async (t) => {
  const server = await startServer(t, 'sqlite', { config: { trustProxy: 1 } });
  const { traces } = server.services;
  const client = await server.createClient();
  const listOwn = async () => {
    await traces.write();
    return (await traces.list({ clientId: client.client_id, limit: 10 })).stories.length;
  };
  const command = (...args: string[]) => latchkey(['trace', ...args], { url: server.storage.url });
  assert.equal((await command()).stderr, '');

  for (let round = 0; round < 8; round += 1) await refuse(server, `203.0.113.${round}`, madeUp(20));
  await refuse(server, '198.51.100.7', [client.client_id, client.client_id]);
  assert.equal(await listOwn(), 2);
  const { stories, unrecorded } = await traces.list({ limit: 200 });
  const missing = unrecorded.from_unknown;
  assert.deepEqual([stories.length, unrecorded.from_registered], [162 - missing, 0]);
  // A slow machine takes long enough for a few more.
  assert.ok(missing >= 120 && missing <= 140, String(missing));

  const says = `${missing} refused requests of the last day were not recorded, because there were too many. None of them named a registered application.`;
  assert.equal((await command()).stderr, `${says}\n`);
  const asJson = await command('--json', '--client', client.client_id);
  assert.equal(asJson.stderr, `${says}\n`);
  assert.equal(JSON.parse(asJson.stdout).length, 2);
  const ada = await server.createAccount('ada', 'openid latchkey:audit');
  const { browser } = await visit(server, ada, '/admin/trace');
  assert.ok((await textOf(await browser.get('/admin/trace'))).includes(says));
});

test('neither one address nor one application hides the refused attempts of others', async (t) => {
  const server = await startServer(t, 'sqlite');
  const recorder = createRecorder(server.database.knex);
  const record = (count: number, clientId: string, network: string, standing?: 'unvetted' | 'unknown') => {
    for (let index = 0; index < count; index += 1)
      recorder.record({
        steps: [
          { at: new Date().toISOString(), step: 'token', error: 'invalid_grant', parameter: `p${index}` },
        ],
        outcome: 'refused',
        clientId,
        network,
        standing,
        begins: true,
      });
  };
  const counts: Record<string, number> = {};
  const write = async () => {
    await recorder.write();
    for (const { client_id } of await server.database.knex('T_traces').select('client_id'))
      counts[client_id] = (counts[client_id] ?? 0) + 1;
    await server.database.knex('T_traces').delete();
  };
  // One application from many addresses, and one address with many applications.
  for (let index = 0; index < 30; index += 1) record(20, 'flooded', `10.0.0.${index}`);
  record(1, 'honest', '192.0.2.1');
  await write();
  for (let index = 0; index < 100; index += 1) record(1, `self-made-${index}`, '10.0.1.1', 'unvetted');
  record(1, 'honest, self-made', '192.0.2.2', 'unvetted');
  for (let index = 0; index < 100; index += 1) record(1, `made-up-${index}`, '10.0.2.1', 'unknown');
  record(1, 'mistyped', '192.0.2.3', 'unknown');
  await write();
  const honest = ['honest', 'honest, self-made', 'mistyped'];
  assert.deepEqual(
    honest.map((one) => counts[one]),
    [1, 1, 1],
  );
  assert.ok((counts.flooded ?? 0) >= 50 && (counts.flooded ?? 0) < 60, String(counts.flooded));
});
