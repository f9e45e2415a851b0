import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  redeem,
  signInWith,
  walk,
} from '../support/builders/authorization.ts';
import { createMigratedDatabase } from '../support/databases.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const statusOf = async (server: TestServer, client: ClientDocument, redirect_uri: string) => {
  const response = await new Browser(server.issuer).get(
    authorizeUrl(authorization(client, { redirect_uri })),
  );
  return response.status;
};

test('a public application may use any port of its loopback address, and nothing else may differ', async (t) => {
  const server = await startServer(t, 'sqlite');
  const person = await server.createAccount();
  const registered = ['http://127.0.0.1/cb', 'http://[::1]:7000/cb?x=1', 'http://localhost'];
  const client = await server.createClient({ public: true, redirectUris: registered });
  assert.equal(client.application_type, 'native');
  for (const uri of [
    ...registered,
    'http://127.0.0.1:51004/cb',
    'http://[::1]:8/cb?x=1',
    'http://localhost:65535',
  ])
    assert.equal(await statusOf(server, client, uri), 303, uri);
  for (const uri of [
    'http://127.0.0.1:51004/other',
    'http://127.0.0.1:51004/cb/',
    'http://127.0.0.1:51004/cb?x=1',
    'http://127.0.0.1:51004/cb#x',
    'http://127.0.0.1:0/cb',
    'http://127.0.0.1:65536/cb',
    'http://127.0.0.1:051004567/cb',
    'http://127.0.0.1:80@evil.example/cb',
    'http://127.0.0.1:51004\\@evil.example/cb',
    'http://127.0.0.1.evil.example:51004/cb',
    'http://127.0.0.2:51004/cb',
    'http://localhost:51004/cb',
    'http://[::1]:51004/cb',
    'https://127.0.0.1:51004/cb',
    'HTTP://127.0.0.1:51004/cb',
    'http://127.1:51004/cb',
  ])
    assert.equal(await statusOf(server, client, uri), 400, uri);
  const request = authorization(client, { redirect_uri: 'http://127.0.0.1:51004/cb' });
  const sent = await walk(new Browser(server.issuer), request, person);
  assert.match(String(sent.headers.get('location')), /^http:\/\/127\.0\.0\.1:51004\/cb\?code=/);
  const other = { redirect_uri: 'http://127.0.0.1:51005/cb' };
  const code = answerOf(sent).get('code');
  assert.equal((await redeem(server, client, request, code, other)).body.error, 'invalid_grant');
  assert.equal((await redeem(server, client, request, code)).status, 200);
});

test('the port of a loopback address must match for applications with a secret, and for those of the type web', async (t) => {
  const server = await startServer(t, 'sqlite');
  const redirectUris = ['http://127.0.0.1:7000/cb'];
  for (const client of [
    await server.createClient({ redirectUris }),
    await server.createClient({ redirectUris, public: true, applicationType: 'web' }),
  ]) {
    assert.equal(client.application_type, 'web');
    assert.equal(await statusOf(server, client, 'http://127.0.0.1:7000/cb'), 303);
    assert.equal(await statusOf(server, client, 'http://127.0.0.1:7001/cb'), 400);
  }
});

test('a first-party application with its own scheme is not asked for consent, others on a device are asked each time', async (t) => {
  const server = await startServer(t, 'sqlite');
  const person = await server.createAccount();
  const redirectUris = ['com.example.scribe:/cb', 'https://scribe.example/cb', 'http://127.0.0.1:7000/cb'];
  /** Whether a second sign-in in one session is answered without a question. */
  async function isSilent(client: ClientDocument, redirect_uri: string): Promise<boolean> {
    const { browser } = await signInWith(server, client, person, { redirect_uri });
    const again = authorization(client, { redirect_uri, prompt: 'none' });
    return answerOf(await browser.get(authorizeUrl(again))).has('code');
  }
  const own = await server.createClient({ public: true, firstParty: true, redirectUris });
  const foreign = await server.createClient({ public: true, redirectUris });
  const isWeb = await server.createClient({ public: true, redirectUris: redirectUris.slice(2) });
  assert.equal(await isSilent(own, 'com.example.scribe:/cb'), true);
  assert.equal(await isSilent(own, 'https://scribe.example/cb'), true);
  assert.equal(await isSilent(own, 'http://127.0.0.1:7000/cb'), false);
  assert.equal(await isSilent(foreign, 'com.example.scribe:/cb'), false);
  assert.equal(await isSilent(foreign, 'https://scribe.example/cb'), true);
  assert.equal(await isSilent(isWeb, 'http://127.0.0.1:7000/cb'), true);
  assert.equal(await isSilent(isWeb, 'http://127.0.0.1:7001/cb'), false);
});

test('schemes without a dot and http in a private network are registered with a warning', async (t) => {
  const { url, drop } = await createMigratedDatabase('sqlite');
  t.after(drop);
  const create = (...uris: string[]) =>
    latchkey(
      [
        'client',
        'create',
        '--name',
        'X',
        '--public',
        ...uris.flatMap((uri) => ['--redirect-uri', uri]),
        '--json',
      ],
      { url },
    );
  const native = await create('vscode://publisher.extension/cb', 'cursor:/cb', 'oc:/cb');
  assert.equal(native.code, 0, native.stderr);
  const { application_type, warnings } = JSON.parse(native.stdout);
  assert.equal(application_type, 'native');
  assert.equal(warnings.length, 3);
  assert.match(native.stderr, /^Warning: The scheme vscode: is not a reversed domain name/);
  const lan = ['http://nas.local/cb', 'http://nas/cb', 'http://10.0.0.5:8080/cb', 'http://192.168.1.5/cb'];
  const network = await create(
    ...lan,
    'http://172.16.0.1/cb',
    'http://[fd00::1]/cb',
    'http://box.home.arpa/cb',
  );
  assert.equal(network.code, 0, network.stderr);
  assert.equal(JSON.parse(network.stdout).warnings.length, 7);
  assert.match(network.stderr, /http:\/\/nas\.local\/cb is not encrypted/);
  for (const refused of [
    ['http://nas.example/cb'],
    ['http://172.32.0.1/cb'],
    ['http://11.0.0.1/cb'],
    ['http://10.evil.example/cb'],
    ['data:text/html,x'],
    ['vbscript:x'],
    ['file:///etc'],
    ['blob:x'],
    ['vscode:/cb', 'http://nas.local/cb'],
  ]) {
    const { code, stdout, stderr } = await create(...refused);
    assert.deepEqual([code, stdout], [1, ''], String(refused));
    assert.match(stderr, /scheme|http/);
  }
});
