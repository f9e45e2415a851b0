import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { textOf } from '../support/builders/signed-in.ts';
import { PASSWORD, startServer } from '../support/server.ts';

const BILLING = 'https://billing.example';
const OPERATOR = { accountId: null };

test('a rule for a scope holds for requests that name the API instead of the scope', async (t) => {
  const secondFactor = { everyone: false, scopes: ['billing:*'], roles: [] };
  const server = await startServer(t, 'sqlite', { config: { secondFactor } });
  const scope = 'openid billing:read notes:read';
  const client = await server.createClient({ scope });
  const api = { redirectUris: [], resourceServer: true };
  for (const [identifier, served] of Object.entries({
    [BILLING]: 'billing:read',
    'https://notes.example': 'notes:read',
  })) {
    const { client_id } = await server.createClient({ ...api, scope: served });
    await server.services.resources.create(OPERATOR, { identifier, scope: served, clientId: client_id });
  }
  await server.createAccount('ada', scope);
  await server.createAccount('mei', 'openid notes:read');

  const signIn = async (username: string, resources: string[]) => {
    const browser = new Browser(server.issuer);
    const url = authorizeUrl({ ...authorization(client, { scope: 'openid' }), resources });
    const { action, fields } = await formOf(await browser.follow(await browser.get(url)));
    const answer = await browser.post(action, { ...fields, username, password: PASSWORD });
    return textOf(await browser.follow(answer));
  };
  assert.match(await signIn('ada', [BILLING]), /Set up a second factor/);
  assert.match(await signIn('ada', ['https://notes.example', BILLING]), /Set up a second factor/);
  assert.doesNotMatch(await signIn('ada', ['https://notes.example']), /Set up a second factor/);
  assert.doesNotMatch(await signIn('mei', ['https://notes.example']), /Set up a second factor/);
});
