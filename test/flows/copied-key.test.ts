import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Authenticator } from '../support/authenticator.ts';
import { Browser } from '../support/browser.ts';
import { authorization, walk } from '../support/builders/authorization.ts';
import { accountPlace, authenticate, register } from '../support/builders/passkey.ts';
import { afterPassword } from '../support/builders/second-factor.ts';
import { startServer } from '../support/server.ts';

test('a key that may be a copy is no second factor, also where it may be a first one', async (t) => {
  const passkeys = {
    counter: 'second_factor' as const,
    aaguids: [],
    rootCertificates: [],
    names: new Map(),
    relatedOrigins: [],
  };
  const server = await startServer(t, 'sqlite', { config: { passkeys } });
  const client = await server.createClient();
  const ada = await server.createAccount();
  const browser = new Browser(server.issuer);
  await walk(browser, authorization(client), ada);
  const key = new Authenticator(server.issuer);
  const place = { ...(await accountPlace(server, ada.id)), ceremony: 'security_key' };
  await register(browser, place, key, { uv: false, transports: ['usb'] });
  const copy = key.clone();
  const useAfterPassword = async (device: Authenticator) => {
    const { browser: next, next: page } = await afterPassword(server, client);
    const html = await page.text();
    const [, csrf = '', interaction = ''] = /data-csrf="([^"]+)" data-interaction="([^"]+)"/.exec(html) ?? [];
    const here = { csrf, interaction, purpose: 'second_factor' };
    return (await authenticate(next, here, device, { uv: false, userHandle: null })).status;
  };
  assert.equal(await useAfterPassword(key), 200);
  assert.equal(await useAfterPassword(copy), 401);
  assert.equal(await useAfterPassword(key), 200);
});
