import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { uuidv7 } from '../../src/kit/ids.ts';
import { purge } from '../../src/maintenance/purge.ts';
import { createRecorder } from '../../src/oidc/trace/recorder.ts';
import { addRows, trim } from '../../src/oidc/trace/store.ts';
import { sumUnrecorded } from '../../src/oidc/trace/unrecorded.ts';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  walk,
} from '../support/builders/authorization.ts';
import { askForCode, connect, createDeviceClient, poll } from '../support/builders/device.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

for (const engine of engines) {
  describe(`traces on ${engine}`, () => {
    test('two servers tell one story, whichever writes first', async (t) => {
      const one = await startServer(t, engine);
      const two = await startServer(t, engine, { storage: one.storage, config: { issuer: one.issuer } });
      const ada = await one.createAccount();
      for (const order of [
        [one, two],
        [two, one],
      ]) {
        const client = await one.createClient();
        const request = authorization(client);
        const code = answerOf(await walk(new Browser(one.issuer), request, ada)).get('code');
        const elsewhere = { issuer: `http://127.0.0.1:${two.config.port}` };
        const { body } = await redeem(elsewhere, client, request, code);
        await fetch(`${elsewhere.issuer}/me`, { headers: { authorization: `Bearer ${body.access_token}` } });
        for (const server of [...order, ...order]) await server.services.traces.write();
        const { stories } = await two.services.traces.list({ clientId: client.client_id, limit: 10 });
        assert.deepEqual(
          stories.map(({ ending, username, steps }) => [
            ending,
            username,
            steps.at(-2)?.step,
            steps.at(-1)?.step,
          ]),
          [['connected', 'ada', 'token', 'use']],
        );
        assert.ok(stories[0]?.steps.some(({ step }) => step === 'consent'));
      }
    });

    test('two servers tell one story of a pushed request and of a device', async (t) => {
      const one = await startServer(t, engine);
      const two = await startServer(t, engine, { storage: one.storage, config: { issuer: one.issuer } });
      const elsewhere = { issuer: `http://127.0.0.1:${two.config.port}` };
      const ada = await one.createAccount();
      const client = await one.createClient({ requirePar: true });
      const { params, verifier } = authorization(client);
      const pushed = await call(elsewhere, client, '/request', params);
      await two.services.traces.write();
      const request = {
        verifier,
        params: { client_id: client.client_id, request_uri: String(pushed.body.request_uri) },
      };
      const code = answerOf(await walk(new Browser(one.issuer), request, ada)).get('code');
      await one.services.traces.write();
      const redirect = { redirect_uri: params.redirect_uri };
      assert.equal((await redeem(elsewhere, client, request, code, redirect)).status, 200);

      const device = await createDeviceClient(one);
      const asked = await askForCode(elsewhere, device);
      await connect(one, asked.user_code, ada);
      assert.equal((await poll(elsewhere, device, asked.device_code)).status, 200);
      for (const server of [two, one, two]) await server.services.traces.write();
      const expected = [
        [client, 'push, request, sign_in, consent, code, token'],
        [device, 'request, sign_in, consent, device, token'],
      ] as const;
      for (const [{ client_id: clientId }, steps] of expected) {
        const { stories } = await two.services.traces.list({ clientId, limit: 10 });
        const names = stories.map((story) =>
          story.steps.map(({ step }) => step).filter((step) => step !== 'registration'),
        );
        assert.deepEqual(names.map(String), [steps.replaceAll(' ', '')]);
      }
    });

    test('a visitor who has done nothing leaves none', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      for (let time = 0; time < 3; time += 1)
        await new Browser(server.issuer).get(authorizeUrl(authorization(client)));
      assert.equal(await server.services.traces.write(), 0);
      assert.deepEqual(await server.database.knex('T_traces'), []);
    });

    test('pages, filters and the clean-up', async (t) => {
      const server = await startServer(t, engine);
      const client = await server.createClient();
      const ada = await server.createAccount();
      const { traces } = server.services;
      await walk(new Browser(server.issuer), authorization(client), ada);
      await new Browser(server.issuer).get(authorizeUrl(authorization(client, { scope: 'groups' })));
      await new Browser(server.issuer).get(authorizeUrl(authorization(client, { max_age: 'x' })));
      await traces.write();
      const first = await traces.list({ limit: 2 });
      assert.equal(first.stories.length, 2);
      const second = await traces.list({ limit: 2, after: first.next });
      assert.equal(second.stories.length, 1);
      assert.equal(second.next, undefined);
      const ids = [...first.stories, ...second.stories].map(({ attempt }) => attempt);
      assert.equal(new Set(ids).size, 3);
      const counts = [];
      for (const query of [{ account: 'ada' }, { account: 'nobody' }, { clientId: client.client_id }])
        counts.push((await traces.list({ limit: 10, ...query })).stories.length);
      for (const show of ['all', 'stopped', 'connected'] as const)
        counts.push((await traces.list({ limit: 10, show })).stories.length);
      assert.deepEqual(counts, [1, 0, 3, 3, 3, 0]);

      const { knex } = server.database;
      await knex('T_traces').update({ expires_at: new Date(Date.now() - 1000) });
      assert.deepEqual((await traces.list({ limit: 10 })).stories, []);
      await purge(server.database, { retention: {}, table: 'T_traces' });
      assert.deepEqual(await knex('T_traces'), []);
    });

    test('a write counts the rows that it adds, not the steps that it leaves for later', async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      const recorder = createRecorder(knex);
      const step = { at: new Date().toISOString(), step: 'token' } as const;
      recorder.record({
        steps: [step],
        outcome: 'open',
        clientId: 'client',
        requestId: crypto.randomUUID(),
        begins: false,
      });
      assert.deepEqual([await recorder.write(), await knex('T_traces')], [0, []]);
      const requestId = crypto.randomUUID();
      for (const begins of [true, false])
        recorder.record({ steps: [step], outcome: 'open', clientId: 'client', requestId, begins });
      assert.equal(await recorder.write(), 1);
      assert.equal((await knex('T_traces')).length, 1);
    });

    test('what every server left out of the last day is counted', async (t) => {
      const { database } = await startServer(t, engine);
      const { knex } = database;
      const now = Date.now();
      const servers = [createRecorder(knex), createRecorder(knex)];
      const flood = async (time: number) => {
        for (const server of servers) {
          for (const standing of ['unknown', undefined] as const)
            for (let index = 0; index < 200; index += 1)
              server.record({
                steps: [{ at: new Date().toISOString(), step: 'request', error: 'invalid_client' }],
                outcome: 'refused',
                clientId: `client ${index}`,
                standing,
                begins: true,
              });
          await server.write(time);
        }
      };
      for (const time of [now, now + 2000, now + 1_000_000]) await flood(time);
      const { length: written } = await knex('T_traces');
      const { from_registered, from_unknown } = await sumUnrecorded(knex);
      assert.equal(written + from_registered + from_unknown, 2400);
      assert.ok(from_registered >= 900 && from_unknown >= 1000, `${from_registered} ${from_unknown}`);
      // One row for each server, and another one a quarter of an hour later.
      assert.equal((await knex('T_unrecorded_requests')).length, 4);

      await knex('T_unrecorded_requests').update({ expires_at: new Date(Date.now() - 1000) });
      assert.deepEqual(await sumUnrecorded(knex), { from_registered: 0, from_unknown: 0 });
      await purge(database, { retention: {}, table: 'T_unrecorded_requests' });
      assert.deepEqual(await knex('T_unrecorded_requests'), []);
    });

    test('rows of applications that nobody has checked push out none of the others', async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      const client = await server.createClient();
      await new Browser(server.issuer).get(authorizeUrl(authorization(client, { scope: 'groups' })));
      await server.services.traces.write();
      const [{ id: _id, ...row }] = await knex('T_traces');
      const rows = Array.from({ length: 1200 }, () => ({ ...row, client_id: 'made up', id: uuidv7() }));
      await addRows(knex, rows);
      await trim(knex);
      const count = async (clientId: string) => (await knex('T_traces').where('client_id', clientId)).length;
      assert.deepEqual([await count(client.client_id), await count('made up')], [1, 500]);
    });

    test('the table stays small, whoever sends how much', async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      let written = 0;
      // Many servers, because each limits what it records itself.
      for (let round = 0; round < 12; round += 1) {
        const recorder = createRecorder(knex);
        for (let index = 0; index < 8500; index += 1) {
          const at = new Date().toISOString();
          const step = {
            at,
            step: 'request',
            error: 'invalid_request',
            description: 'x'.repeat(200),
          } as const;
          recorder.record({
            steps: Array.from({ length: 20 }, () => step),
            outcome: 'refused',
            clientId: `client ${index % 200}`,
            begins: true,
          });
        }
        written += await recorder.write();
      }
      assert.ok(written >= 1000, String(written));
      const rows = await knex('T_traces');
      assert.ok(rows.length <= 1100, String(rows.length));
      const bytes = rows.reduce((sum, row) => sum + JSON.stringify(row).length, 0);
      assert.ok(bytes < 2_500_000, String(bytes));
    });
  });
}
