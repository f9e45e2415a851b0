import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { pino } from 'pino';
import { beginHandOut, CONNECTION_TOKEN } from '../support/builders/hand-outs.ts';
import { startWithGoogle, usesOf } from '../support/builders/proxied-calls.ts';
import { engines } from '../support/engines.ts';
import { dump, found } from '../support/rows.ts';

const EXPIRED = { life: -1000 };

for (const engine of engines) {
  describe(`handing out tokens of connections on ${engine}`, () => {
    let started: Awaited<ReturnType<typeof startWithGoogle>>;
    const lines: string[] = [];
    const ends: (() => unknown)[] = [];
    before(async () => {
      const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
      const context = { after: (end: unknown) => void ends.push(end as () => unknown) };
      started = await startWithGoogle(context, engine, {}, log);
    });
    after(async () => {
      for (const end of ends) await end();
    });
    const countHandedOut = async (person: { id: string }) => {
      const { knex } = started.server.database;
      const rows = await knex('T_auth_audit_log').where({
        action: 'token.handed_out',
        account_id: person.id,
      });
      return rows.length;
    };

    test('gives the access token of the service, tells its owner, and leaves it in no row and no log', async () => {
      const { server, google } = started;
      const { ask, person, client, connectionId } = await beginHandOut(started);
      const { status, body, headers } = await ask();
      assert.equal(status, 200, JSON.stringify(body));
      const { access_token, expires_in, scope, ...rest } = body;
      const token = String(access_token);
      assert.ok(google.isLive(token));
      // No refresh token, and nothing else.
      assert.deepEqual(rest, { issued_token_type: `${CONNECTION_TOKEN}google`, token_type: 'Bearer' });
      assert.ok(Number(expires_in) > 3500 && Number(expires_in) <= 3600);
      assert.match(String(scope), /calendar\.readonly/);
      assert.equal(headers.get('cache-control'), 'no-store');

      const [use] = await usesOf(server, person);
      assert.deepEqual(
        [use.action_type, use.status, use.client_id, use.user_provider_id, use.resource],
        ['token_handout', 'completed', client.client_id, connectionId, null],
      );
      const events = server.database.knex('T_auth_audit_log').where({ account_id: person.id });
      const event = await events.where({ action: 'token.handed_out' }).first();
      assert.deepEqual([event.client_id, event.target], [client.client_id, connectionId]);

      await server.services.connections.usage.write();
      await server.services.traces.write();
      const rows = JSON.stringify(await dump(server.database));
      assert.ok(rows.includes('token_handout') && lines.length > 0);
      assert.deepEqual(found(rows, new Map([['token', token]])), []);
      assert.deepEqual(found(lines.join('\n'), new Map([['token', token]])), []);
    });

    test('refreshes an expired token once for ten requests', async () => {
      const { google } = started;
      const { ask } = await beginHandOut(started, EXPIRED);
      const before = google.counts.refreshes;
      google.knobs.delay = 100;
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask()));
      google.knobs.delay = 0;
      assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
      assert.equal(new Set(answers.map(({ body }) => body.access_token)).size, 1);
      assert.ok(google.isLive(String(answers[0]?.body.access_token)));
      assert.equal(google.counts.refreshes - before, 1);
    });

    test('gives nothing if access is taken back while the service answers', async () => {
      const { server, google } = started;
      const { ask, person, client } = await beginHandOut(started, EXPIRED);
      const access = { accountId: person.id, clientId: client.client_id, service: 'google' };
      google.knobs.onRefresh = () =>
        server.services.consents.withdrawConnections({ accountId: person.id }, access, {});
      const late = await ask();
      google.knobs.onRefresh = () => undefined;
      assert.deepEqual([late.status, late.body.error], [503, 'temporarily_unavailable']);
      assert.equal(late.body.access_token, undefined);
      assert.equal(late.headers.get('retry-after'), '1');
      const { status, body } = await ask();
      assert.deepEqual([status, body.error, body.code], [400, 'invalid_target', 'not_connected']);
      assert.equal(await countHandedOut(person), 0);
    });

    test('is refused after the account was disconnected, and the application withdrawn', async () => {
      const { server } = started;
      const { ask, person, client, connectionId } = await beginHandOut(started);
      const owner = { id: connectionId, accountId: person.id, service: 'google' };
      await server.services.connections.vault.remove(owner, { actorId: person.id });
      const { status, body } = await ask();
      assert.deepEqual([status, body.error, body.code], [400, 'invalid_target', 'not_connected']);
      const [use] = await usesOf(server, person);
      assert.deepEqual([use.status, use.error_code], ['failed', 'not_connected']);
      const access = { accountId: person.id, clientId: client.client_id };
      await server.services.consents.withdraw({ accountId: person.id }, access, {});
      const gone = await ask();
      assert.deepEqual([gone.status, gone.body.error], [400, 'invalid_request']);
      assert.equal(await countHandedOut(person), 0);
    });

    test('is refused when the service has ended the access, without asking it again', async () => {
      const { google } = started;
      const { ask } = await beginHandOut(started, EXPIRED);
      google.revokeAll();
      const before = google.counts.refreshes;
      for (const _ of [1, 2]) {
        const { status, body } = await ask();
        assert.deepEqual([status, body.error, body.code], [400, 'invalid_target', 'needs_reconnect']);
      }
      assert.equal(google.counts.refreshes - before, 1);
    });
  });
}
