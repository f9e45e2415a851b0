import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRecorder } from '../../src/oidc/trace/recorder.ts';
import { toStory } from '../../src/oidc/trace/story.ts';
import { Browser, formOf } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  walk,
} from '../support/builders/authorization.ts';
import {
  answerPages,
  askForCode,
  connect,
  createDeviceClient,
  poll,
  typeCode,
} from '../support/builders/device.ts';
import { DESCRIPTION, register } from '../support/builders/registration.ts';
import { startServer, type TestServer } from '../support/server.ts';

const OPERATOR = { accountId: null };

async function readStories(server: TestServer, clientId?: string) {
  const { traces } = server.services;
  await traces.write();
  const { stories } = await traces.list({ clientId, limit: 50 });
  return stories.map((story) => ({
    ...story,
    names: story.steps.map(({ step, ok }) => (ok ? step : `${step} refused`)).join(', '),
  }));
}

async function readStory(server: TestServer, clientId: string) {
  const stories = await readStories(server, clientId);
  assert.equal(stories.length, 1, JSON.stringify(stories));
  const [story] = stories;
  assert.ok(story);
  return story;
}

async function openSignIn(server: TestServer, client: { client_id: string }) {
  const browser = new Browser(server.issuer);
  const request = authorization(client);
  const { action, fields } = await formOf(await browser.follow(await browser.get(authorizeUrl(request))));
  const send = (username: string, password: string) =>
    browser.post(action, { ...fields, username, password });
  return { browser, request, send };
}

describe('the story of an attempt has what came before the sign-in:', () => {
  test('wrong passwords, with the account and without what was typed', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const bob = await server.createAccount('bob');
    await server.services.accounts.disable(OPERATOR, bob.username);
    const reasons = [
      ['ada', 'a wrong password', 'wrong_password', 'ada', /or reset it/],
      ['ada-at-work', ada.password, 'unknown_account', null, /account list/],
      ['bob', bob.password, 'disabled_account', 'bob', /account enable/],
    ] as const;
    for (const [username, password, reason, known, remedy] of reasons) {
      const client = await server.createClient();
      const { send } = await openSignIn(server, client);
      assert.equal((await send(username, password)).status, 401);
      const story = await readStory(server, client.client_id);
      assert.match(story.names, /request, sign_in refused$/);
      assert.deepEqual([story.ending, story.username], ['refused', known]);
      assert.match(String(story.steps.at(-1)?.says), new RegExp(`do not match.*\\(${reason}\\)`));
      assert.match(String(story.fault?.remedy), remedy);
    }
    const rows = JSON.stringify(await server.database.knex('T_traces'));
    for (const typed of ['ada-at-work', 'a wrong password', ada.password]) assert.ok(!rows.includes(typed));
    const { length } = await readStories(server);
    await openSignIn(server, await server.createClient());
    assert.equal((await readStories(server)).length, length, 'a page that was only opened');
  });

  test('a wrong password and the right one after it', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const client = await server.createClient();
    const { browser, request, send } = await openSignIn(server, client);
    await send('ada', 'a wrong password');
    await server.services.traces.write();
    const allowed = await answerPages(browser, await browser.follow(await send('ada', ada.password)), ada);
    await redeem(server, client, request, answerOf(allowed).get('code'));
    const story = await readStory(server, client.client_id);
    assert.match(story.names, /request, sign_in refused, sign_in, consent, code, token$/);
    assert.equal(story.ending, 'connected');
    const { stories } = await server.services.traces.list({ show: 'stopped', limit: 10 });
    assert.deepEqual(stories, []);
  });

  test('a pushed request, also one to which no browser came', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const push = async (client: Awaited<ReturnType<TestServer['createClient']>>) => {
      const request = authorization(client);
      const { body } = await call(server, client, '/request', request.params);
      const params = { client_id: client.client_id, request_uri: String(body.request_uri) };
      return { verifier: request.verifier, params };
    };
    for (const [input, isWritten] of [
      [{ requirePar: true }, 1],
      [{ public: true }, 0],
    ] as const) {
      const client = await server.createClient(input);
      const request = await push(client);
      const pushed = await readStories(server, client.client_id);
      assert.equal(pushed.length, isWritten);
      const answer = answerOf(await walk(new Browser(server.issuer), request, ada));
      const redirect = { redirect_uri: String((client.redirect_uris as string[])[0]) };
      await redeem(server, client, request, answer.get('code'), redirect);
      const story = await readStory(server, client.client_id);
      assert.match(story.names, /push, request, sign_in, consent, code, token$/);
    }
    const left = await server.createClient({ requirePar: true });
    await push(left);
    await server.services.traces.write();
    const rows = await server.services.traces.listSince({ clientId: left.client_id }, 0);
    const story = toStory(rows, Date.now() + 700_000);
    assert.deepEqual([story.ending, story.stopped_at], ['stopped', 'push']);
    assert.match(String(story.fault?.cause), /^No user has signed in since/);
  });

  test('a registration at /register', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { body: client } = await register(server, DESCRIPTION);
    const first = await readStory(server, client.client_id);
    assert.deepEqual([first.names, first.client_name], ['registration', 'Harbour CLI']);
    const { send } = await openSignIn(server, client);
    await send('ada', 'a wrong password');
    const second = await readStory(server, client.client_id);
    assert.equal(second.names, 'registration, request, sign_in refused');
    const { body: other } = await register(server, DESCRIPTION);
    const request = authorization(other);
    const answer = answerOf(await walk(new Browser(server.issuer), request, ada));
    await redeem(server, other, request, answer.get('code'));
    const story = await readStory(server, other.client_id);
    assert.equal(story.names, 'registration, request, sign_in, consent, code, token');
  });

  test('what the user of a device did', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const client = await createDeviceClient(server);
    const code = await askForCode(server, client);
    assert.deepEqual(await readStories(server), [], 'anyone can ask for a code');
    const browser = new Browser(server.issuer);
    const { action, fields } = await formOf(await typeCode(browser, code.user_code));
    const page = await formOf(
      await browser.follow(await browser.post(action, { ...fields, decision: 'allow' })),
    );
    await browser.post(page.action, { ...page.fields, username: 'ada', password: 'a wrong password' });
    await connect(server, code.user_code, ada, browser);
    const { body } = await poll(server, client, code.device_code);
    assert.ok(body.access_token);
    await fetch(`${server.issuer}/me`, { headers: { authorization: `Bearer ${body.access_token}` } });
    const story = await readStories(server, client.client_id);
    assert.deepEqual(
      story.map(({ names, username, ending }) => [names.replace('registration, ', ''), username, ending]),
      [['request, sign_in refused, sign_in, consent, device, token, use', 'ada', 'connected']],
    );

    const denied = await createDeviceClient(server);
    const other = await askForCode(server, denied);
    await answerPages(browser, await typeCode(browser, other.user_code), ada, 'deny');
    await server.services.traces.write();
    await poll(server, denied, other.device_code);
    const { names, fault } = await readStory(server, denied.client_id);
    assert.match(names, /request, device refused, token refused$/);
    assert.match(String(fault?.cause), /^The user chose not to allow it/);
  });

  test('and anonymous requests add a bounded number of rows', async (t) => {
    const server = await startServer(t, 'sqlite');
    const recorder = createRecorder(server.database.knex);
    for (let index = 0; index < 2000; index += 1)
      for (const [step, clientId] of [
        ['sign_in', `client ${index % 20}`],
        ['registration', `registered ${index}`],
      ] as const)
        recorder.record({
          requestId: `attempt ${step} ${index}`,
          steps: [{ at: new Date().toISOString(), step }],
          outcome: 'open',
          clientId,
          begins: true,
          isBeginning: true,
        });
    await recorder.write();
    const count = async (like: string) =>
      (await server.database.knex('T_traces').where('attempt_id', 'like', like)).length;
    assert.equal(await count('attempt registration %'), 10);
    assert.ok((await count('%')) <= 50);
  });
});
