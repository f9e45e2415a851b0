import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { uuidv7 } from '../../src/kit/ids.ts';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl, signInWith } from '../support/builders/authorization.ts';
import { beforeInsertInto } from '../support/builders/consent.ts';
import { receiveLogouts } from '../support/builders/logout-receiver.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { openWorld } from '../support/world.ts';

const OPERATOR = { accountId: null };
const ALLOWED = { config: { allowPrivateServices: true } };

/** Signs out with the page that asks for confirmation. */
async function signOut(browser: Browser): Promise<void> {
  const { action, fields } = await formOf(await browser.get('/session/end'));
  assert.equal((await browser.post(action, { ...fields, logout: 'yes' })).status, 303);
}

const verify = ({ issuer }: TestServer, token: string | undefined, { client_id }: ClientDocument) =>
  jwtVerify(String(token), createRemoteJWKSet(new URL(`${issuer}/jwks`)), {
    issuer,
    audience: client_id,
    typ: 'logout+jwt',
  });

const deliveries = ({ database }: TestServer) => database.knex('T_logout_deliveries').orderBy('id');

/** As if the time of every waiting delivery had come. */
const passTime = (server: TestServer) =>
  server.database
    .knex('T_logout_deliveries')
    .whereNotNull('due_at')
    .update({ due_at: new Date(Date.now() - 1000) });

for (const engine of engines) {
  describe(`back-channel logout on ${engine}`, () => {
    test('each application of a session gets one signed logout token, however many servers send', async (t) => {
      const server = await startServer(t, engine, ALLOWED);
      const [receiver, other] = [await receiveLogouts(t), await receiveLogouts(t)];
      const twin = await startServer(t, engine, {
        storage: server.storage,
        config: { ...ALLOWED.config, issuer: server.issuer },
      });
      const notes = await server.createClient({ firstParty: true, backchannelLogoutUri: receiver.url });
      const mail = await server.createClient({ firstParty: true, backchannelLogoutUri: other.url });
      const silent = await server.createClient({ firstParty: true });
      const ada = await server.createAccount();
      const { browser, tokens } = await signInWith(server, notes, ada);
      await signInWith(server, mail, ada, {}, browser);
      await signInWith(server, silent, ada, {}, browser);
      await signOut(browser);
      assert.equal(receiver.tokens.length, 0, 'the sign-out waits for no application');

      await Promise.all([server.deliverLogouts(), twin.deliverLogouts(), server.deliverLogouts()]);
      assert.deepEqual([receiver.tokens.length, other.tokens.length], [1, 1]);
      const { payload } = await verify(server, receiver.tokens[0], notes);
      assert.equal(payload.sub, ada.id);
      assert.equal(payload.sid, decodeJwt(String(tokens.body.id_token)).sid);
      assert.deepEqual(payload.events, { 'http://schemas.openid.net/event/backchannel-logout': {} });
      assert.ok(payload.jti && payload.iat && payload.exp && payload.exp - payload.iat <= 120);
      assert.equal(payload.nonce, undefined);
      const rows = await deliveries(server);
      assert.deepEqual(
        rows.map(({ status, attempts, due_at }) => [status, attempts, due_at]),
        [
          ['delivered', 1, null],
          ['delivered', 1, null],
        ],
      );
      assert.deepEqual(await server.database.knex('T_ended_sessions'), []);
    });

    test('every other way to end a session notifies its applications, too', async (t) => {
      const server = await startServer(t, engine, ALLOWED);
      const receiver = await receiveLogouts(t);
      const notes = await server.createClient({ firstParty: true, backchannelLogoutUri: receiver.url });
      const { sessions, signOutEverywhere } = server.services;
      const ways: Record<string, (id: string, username: string) => Promise<unknown>> = {
        end: async (id) => sessions.end(OPERATOR, id, String((await sessions.list(id))[0]?.id)),
        all: (id) => sessions.endAll(OPERATOR, id),
        password: (id) => server.database.knex.transaction((trx) => signOutEverywhere(trx, id)),
        disabled: (_id, username) => server.accounts.disable(OPERATOR, username),
      };
      for (const [username, endIt] of Object.entries(ways)) {
        const person = await server.createAccount(username);
        await signInWith(server, notes, person);
        await endIt(person.id, username);
        await server.deliverLogouts();
        const token = receiver.tokens.pop();
        assert.equal(token && decodeJwt(token).sub, person.id, username);
        assert.equal(receiver.tokens.length, 0);
      }
    });

    test('an application that signs its user in during the sign-out is notified', async (t) => {
      const server = await startServer(t, engine, ALLOWED);
      const receiver = await receiveLogouts(t);
      const notes = await server.createClient({ firstParty: true });
      const late = await server.createClient({ firstParty: true, backchannelLogoutUri: receiver.url });
      const { browser } = await signInWith(server, notes, await server.createAccount());
      const twin = Object.assign(new Browser(server.issuer), { cookies: new Map(browser.cookies) });
      const hasRun = beforeInsertInto(server, 'T_ended_sessions', () =>
        twin.get(authorizeUrl(authorization(late, { prompt: 'none' }))),
      );
      await signOut(browser);
      assert.ok(hasRun());
      await server.deliverLogouts();
      assert.equal(receiver.tokens.length, 1);
    });

    test('a failing application is tried again, ever more rarely, and given up', async (t) => {
      const server = await startServer(t, engine, ALLOWED);
      const receiver = await receiveLogouts(t);
      const notes = await server.createClient({ firstParty: true, backchannelLogoutUri: receiver.url });
      const { browser } = await signInWith(server, notes, await server.createAccount());
      await signOut(browser);
      receiver.answers = Array(20).fill(500);
      const pauses: number[] = [];
      while ((await server.deliverLogouts()) > 0) {
        const [{ due_at, last_error }] = await deliveries(server);
        assert.equal(last_error, 'answered 500');
        if (due_at) pauses.push(new Date(due_at).getTime() - Date.now());
        assert.equal(await server.deliverLogouts(), 0, 'not before its time');
        await passTime(server);
      }
      assert.equal(receiver.tokens.length, 9);
      assert.ok(pauses.every((pause, index) => index === 0 || pause > Number(pauses[index - 1])));
      assert.equal(new Set(receiver.tokens.map((token) => decodeJwt(token).jti)).size, 9);
      const [row] = await deliveries(server);
      assert.equal(row.status, 'failed');
      const events = await server.database
        .knex('T_auth_audit_log')
        .where({ action: 'backchannel_logout.failed' });
      assert.equal(events.length, 1);
    });

    test('an application that cannot be reached or is slow delays no other', async (t) => {
      const server = await startServer(t, engine, ALLOWED);
      const [gone, receiver] = [await receiveLogouts(t), await receiveLogouts(t)];
      const dead = await server.createClient({ firstParty: true, backchannelLogoutUri: gone.url });
      const notes = await server.createClient({ firstParty: true, backchannelLogoutUri: receiver.url });
      const { browser } = await signInWith(server, notes, await server.createAccount());
      await signOut(browser);
      await server.deliverLogouts();
      const [delivered] = await deliveries(server);
      // Another person's sign-out comes after a thousand of the other application.
      const earlier = new Date(Date.now() - 60_000);
      const due = { ...delivered, status: 'pending', attempts: 0, finished_at: null };
      const row = (client_id: string, due_at: Date) => ({ ...due, id: uuidv7(), client_id, due_at });
      const many = Array.from({ length: 1000 }, () => row(dead.client_id, earlier));
      await server.database.knex.batchInsert('T_logout_deliveries', many, 50);
      await server.database
        .knex('T_logout_deliveries')
        .insert(row(notes.client_id, new Date(earlier.getTime() + 1000)));
      gone.answers = Array(1000).fill(500);
      assert.equal(await server.deliverLogouts(), 5, 'four of the one, at once with the other');
      assert.deepEqual([gone.tokens.length, receiver.tokens.length], [4, 2]);
      await passTime(server);
      // While it answers, it has its turns.
      gone.answers = [];
      const rounds: number[] = [];
      await server.deliverLogouts(() => rounds.push(gone.tokens.length) <= 2);
      assert.deepEqual(rounds, [4, 12, 20]);
    });

    test('applications that register themselves delay no other, however many they are', async (t) => {
      const server = await startServer(t, engine, ALLOWED);
      const [slow, receiver] = [await receiveLogouts(t), await receiveLogouts(t)];
      const notes = await server.createClient({ firstParty: true, backchannelLogoutUri: receiver.url });
      const { browser } = await signInWith(server, notes, await server.createAccount());
      await signOut(browser);
      await server.deliverLogouts();
      const { knex } = server.database;
      const [{ id: _, ...delivered }] = await deliveries(server);
      const { id: __, ...client } = await knex('T_oauth_clients')
        .where({ client_id: notes.client_id })
        .first();
      const metadata = client.metadata.replace(receiver.url, slow.url);
      const due = { ...delivered, status: 'pending', attempts: 0, finished_at: null };
      for (let index = 0; index < 20; index += 1) {
        const own = { id: uuidv7(), client_id: `self-${index}`, registered_via: 'dynamic', metadata };
        await knex('T_oauth_clients').insert({ ...client, ...own });
        const row = { id: uuidv7(), client_id: own.client_id, due_at: new Date(Date.now() - 60_000) };
        await knex('T_logout_deliveries').insert({ ...due, ...row });
      }
      await knex('T_logout_deliveries').insert({ ...due, id: uuidv7(), due_at: new Date(Date.now() - 1000) });
      const rounds: number[] = [];
      await server.deliverLogouts(() => rounds.push(receiver.tokens.length) <= 1);
      assert.deepEqual([rounds, slow.tokens.length], [[1, 2], 7]);
    });

    test('an address in our own network is not called, unless the operator allows it', async (t) => {
      const server = await startServer(t, engine);
      const receiver = await receiveLogouts(t);
      const notes = await server.createClient({ firstParty: true, backchannelLogoutUri: receiver.url });
      const { browser } = await signInWith(server, notes, await server.createAccount());
      await signOut(browser);
      assert.equal(await server.deliverLogouts(), 1);
      const [{ status, last_error }] = await deliveries(server);
      assert.equal(status, 'pending');
      assert.match(last_error, /https/);
      assert.deepEqual(receiver.tokens, []);
    });

    test('a server that is killed after the sign-out leaves it to the next one', async (t) => {
      const world = await openWorld(t, engine);
      const receiver = await receiveLogouts(t);
      const server = await world.start({ LATCHKEY_ALLOW_PRIVATE_SERVICES: 'true' });
      const notes = await world.createClient({ firstParty: true, backchannelLogoutUri: receiver.url });
      const { browser } = await signInWith(server, notes, await world.createAccount());
      receiver.answers = ['hang'];
      await signOut(browser);
      await server.kill('SIGKILL');
      await world.database.knex('T_logout_deliveries').update({ due_at: new Date() });
      const before = receiver.tokens.length;
      await server.restart();
      const until = Date.now() + 15_000;
      while (receiver.tokens.length === before && Date.now() < until)
        await new Promise((done) => setTimeout(done, 100));
      assert.ok(receiver.tokens.length > before);
    });
  });
}
