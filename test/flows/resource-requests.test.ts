import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { answerOf, authorization, call, redeem, walk } from '../support/builders/authorization.ts';
import { askForCode, connect, createDeviceClient, poll } from '../support/builders/device.ts';
import { startServer, type TestServer } from '../support/server.ts';

const OPERATOR = { accountId: null };
const NOTES = 'https://notes.example/api';

const register = (server: TestServer) =>
  server.services.resources.create(OPERATOR, {
    identifier: NOTES,
    name: 'Notes',
    scope: 'notes:read',
    format: 'jwt',
  });

const payloadOf = (token = '') =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;

test('a device gets a token for the resource that it named, with the facts of the sign-in', async (t) => {
  const server = await startServer(t, 'sqlite');
  await register(server);
  const ada = await server.createAccount('ada', 'openid notes:read');
  const client = await createDeviceClient(server, { scope: 'openid notes:read' });
  const fields = { scope: 'openid notes:read', resource: NOTES };
  const device = await askForCode(server, client, fields);
  assert.match(await (await connect(server, device.user_code, ada)).text(), /Your device is connected/);
  const { body } = await poll(server, client, device.device_code);
  const { aud, scope, sub, acr, auth_time } = payloadOf(body.access_token);
  assert.deepEqual([aud, scope, sub, acr], [NOTES, 'notes:read', ada.id, 'pwd']);
  assert.equal(typeof auth_time, 'number');
  const refused = await call(server, client, '/device/auth', {
    scope: 'openid',
    resource: 'https://x.example',
  });
  assert.equal(refused.body.error, 'invalid_target');
});

test('a pushed request names a resource, and an unknown one is refused when it is pushed', async (t) => {
  const server = await startServer(t, 'sqlite');
  await register(server);
  const ada = await server.createAccount('ada', 'openid notes:read');
  const client = await server.createClient({ scope: 'openid notes:read', requirePar: true });
  const request = authorization(client, { scope: 'openid notes:read', resource: NOTES });
  const { body } = await call(server, client, '/request', request.params);
  const params = { client_id: client.client_id, request_uri: String(body.request_uri) };
  const answer = answerOf(await walk(new Browser(server.issuer), { params, verifier: '' }, ada));
  const tokens = await redeem(server, client, request, answer.get('code'));
  assert.equal(payloadOf(tokens.body.access_token).aud, NOTES);
  const unknown = { ...request.params, resource: 'https://x.example' };
  assert.equal((await call(server, client, '/request', unknown)).body.error, 'invalid_target');
});

test('an application of ours gets a token for a resource without a question', async (t) => {
  const server = await startServer(t, 'sqlite');
  await register(server);
  const ada = await server.createAccount('ada', 'openid notes:read');
  const client = await server.createClient({ scope: 'openid notes:read', firstParty: true });
  const request = authorization(client, { scope: 'openid notes:read', resource: NOTES });
  const answer = answerOf(await walk(new Browser(server.issuer), request, ada, 'deny'));
  const { body } = await redeem(server, client, request, answer.get('code'));
  assert.deepEqual([payloadOf(body.access_token).aud, body.scope], [NOTES, 'notes:read']);
});

test('the page of applications names the resource and what was allowed there', async (t) => {
  const server = await startServer(t, 'sqlite');
  await register(server);
  const ada = await server.createAccount('ada', 'openid notes:read');
  const client = await server.createClient({ scope: 'openid notes:read' });
  const browser = new Browser(server.issuer);
  await walk(browser, authorization(client, { scope: 'openid notes:read', resource: NOTES }), ada);
  const page = await browser.follow(await browser.get('/account/applications'));
  const html = (await page.text()).replaceAll('&#34;', '"');
  assert.match(html, /Use “Notes” \(https:\/\/notes\.example\/api\) for you/);
  assert.match(html, /See your notes, at “Notes”/);
});
