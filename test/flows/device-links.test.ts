import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { askForCode, createDeviceClient, typeCode } from '../support/builders/device.ts';
import { signedIn, textOf } from '../support/builders/signed-in.ts';
import { startServer } from '../support/server.ts';

for (const end of [
  'x',
  'amwzmc9dmGhzDmLn3MgOFNH5LbchwacA7hg18UIcrbx21GatIvoD',
  '..%2Fpasswd',
  '%EF%BF%BD',
  '-1?decision=allow',
])
  test(`a visitor who opens /device/${end}, which leads to no sign-in, is shown that it has ended`, async (t) => {
    const server = await startServer(t, 'sqlite');
    const answer = await new Browser(server.issuer).get(`/device/${end}`);
    assert.equal(answer.status, 400);
    assert.match(await answer.text(), /This sign-in has ended/);
    assert.equal((await server.database.knex('T_user_sessions')).length, 0);
  });

test('nor does it end the session of somebody who is signed in', async (t) => {
  const server = await startServer(t, 'sqlite');
  const browser = await signedIn(server, 'ada', 'openid');
  assert.equal((await browser.get('/device/x')).status, 400);
  assert.equal((await browser.get('/account/security')).status, 200);
});

test('the page that asks about a code names each API and each claim, also where no consent follows', async (t) => {
  const server = await startServer(t, 'sqlite');
  const browser = await signedIn(server, 'ada', 'openid email notes:read');
  const identifier = 'https://notes.example/api';
  await server.services.resources.create(
    { accountId: null },
    { identifier, name: 'Notes', scope: 'notes:read' },
  );
  const client = await createDeviceClient(server, { firstParty: true, scope: 'openid email notes:read' });
  const textFor = async (fields: Record<string, string>) =>
    textOf(await typeCode(browser, (await askForCode(server, client, fields)).user_code));
  const claims = JSON.stringify({ userinfo: { email: null } });
  const named = await textFor({ scope: 'openid notes:read', resource: identifier, claims });
  assert.match(named, /Know who you are.*See your e-mail address.*Use “Notes” \(https.*notes.*, at “Notes”/i);
  assert.doesNotMatch(await textFor({ scope: 'openid notes:read' }), /Notes”/);
});
