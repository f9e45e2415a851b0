import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  refresh,
  walk,
} from '../support/builders/authorization.ts';
import { DESCRIPTION, register } from '../support/builders/registration.ts';
import { shareServer } from '../support/shared-server.ts';
import { latchkey } from '../support/warm-command.ts';

const OPERATOR = { accountId: null };
const CACHE_MS = 1000;
const BANK = 'https://bank.example/api';
const PHONE = 'https://phone.example/api';
const PAYMENT = { type: 'payment', actions: ['initiate'], amount: '123.50', text: 'a\u0000b' };
const CALL = { type: 'call', identifier: '+351' };

describe('authorization details (RAR, RFC 9396) of a service', () => {
  const shared = shareServer();
  let api: ClientDocument;
  const service = { redirectUris: [], grantTypes: ['client_credentials' as const], scope: 'pay call' };
  const createService = (authorizationTypes?: string[]) =>
    shared.server.createClient({ ...service, authorizationTypes });

  const ask = (client: ClientDocument, details: unknown, fields: Record<string, string | undefined> = {}) =>
    call(shared.server, client, '/token', {
      grant_type: 'client_credentials',
      resource: BANK,
      authorization_details: typeof details === 'string' ? details : JSON.stringify(details),
      ...fields,
    });

  before(async () => {
    const { server } = shared;
    const { resources } = server.services;
    api = await server.createClient({ redirectUris: [], resourceServer: true, scope: 'pay' });
    await resources.create(OPERATOR, {
      identifier: BANK,
      scope: 'pay',
      clientId: api.client_id,
      authorizationTypes: ['payment=Make this payment', 'statement=Read this statement'],
    });
    await resources.create(OPERATOR, {
      identifier: PHONE,
      scope: 'call',
      format: 'jwt',
      authorizationTypes: ['call=Call'],
    });
  });

  test('are in the token, its response and introspection, if an operator has named their type', async () => {
    const { server } = shared;
    const client = await createService(['payment', 'call']);
    const { status, body } = await ask(client, [PAYMENT]);
    assert.deepEqual([status, body.authorization_details], [200, [PAYMENT]], JSON.stringify(body));
    for (const asker of [client, api]) {
      const { body: seen } = await call(server, asker, '/token/introspection', { token: body.access_token });
      assert.deepEqual(seen.authorization_details, [PAYMENT]);
    }
    const phone = await ask(client, [CALL], { resource: PHONE });
    assert.deepEqual(phone.body.authorization_details, [CALL]);
    assert.deepEqual(decodeJwt(String(phone.body.access_token)).authorization_details, [CALL]);
    const plain = await ask(client, [], { authorization_details: undefined });
    assert.deepEqual([plain.status, plain.body.authorization_details], [200, undefined]);
  });

  test('are refused of another type, of another resource, malformed, and without the member', async () => {
    const client = await createService(['payment', 'unregistered']);
    const nested = `[{"type":"payment","a":${'['.repeat(8000)}${']'.repeat(8000)}}]`;
    const refused: [ClientDocument, unknown, Record<string, string>?][] = [
      [await createService(), [PAYMENT]],
      [client, [{ type: 'statement' }]],
      [client, [PAYMENT, { type: 'statement' }]],
      [client, [{ type: 'unregistered' }]],
      [client, [{ type: '__proto__' }]],
      [client, [CALL], { resource: PHONE }],
      [client, [PAYMENT], { resource: PHONE }],
      [client, PAYMENT],
      [client, [{ ...PAYMENT, actions: 'all' }]],
      [client, '{'],
      [client, nested],
    ];
    for (const [who, details, fields] of refused) {
      const { status, body } = await ask(who, details, fields);
      assert.deepEqual([status, body.error], [400, 'invalid_authorization_details'], JSON.stringify(body));
    }
  });

  test('are limited by the member in requests of users too, also after a change', async () => {
    const { server } = shared;
    const ada = await server.createAccount('ada', 'openid offline_access pay');
    const client = await server.createClient({
      scope: 'openid offline_access pay',
      authorizationTypes: ['payment'],
    });
    const request = (details: object[]) =>
      authorization(client, {
        scope: 'openid offline_access pay',
        resource: BANK,
        authorization_details: JSON.stringify(details),
      });
    const refused = await new Browser(server.issuer).get(authorizeUrl(request([{ type: 'statement' }])));
    assert.equal(answerOf(refused).get('error'), 'invalid_authorization_details');
    const allowed = request([PAYMENT]);
    const answer = answerOf(await walk(new Browser(server.issuer), allowed, ada));
    const tokens = await redeem(server, client, allowed, answer.get('code'));
    assert.deepEqual(tokens.body.authorization_details, [PAYMENT]);
    await server.services.clients.update(OPERATOR, client.client_id, { authorizationTypes: ['statement'] });
    await setTimeout(CACHE_MS);
    const renewed = await refresh(server, client, tokens.body.refresh_token);
    assert.deepEqual([renewed.status, renewed.body.authorization_details], [200, undefined]);
  });

  test('have types that an operator names by the command or its metadata, and no application by itself', async () => {
    const { server } = shared;
    const { client_id } = await createService();
    const update = async (...args: string[]) => {
      const { stdout, stderr } = await latchkey(['client', 'update', client_id, ...args, '--json'], {
        url: server.storage.url,
      });
      return stdout ? JSON.parse(stdout).authorization_details_types : stderr;
    };
    const named = ['--authorization-type', 'payment', '--authorization-type', 'call'];
    assert.deepEqual(await update(...named), ['payment', 'call']);
    assert.deepEqual(await update('--name', 'Reports'), ['payment', 'call']);
    assert.match(await update('--authorization-type', 'no words'), /has 1 to 100 characters/);
    assert.equal(await update('--no-authorization-type'), undefined);
    const { status, body } = await register(server, {
      ...DESCRIPTION,
      authorization_details_types: ['payment'],
    });
    assert.deepEqual([status, body.authorization_details_types], [201, undefined]);
    const shown = await server.services.clients.show(String(body.client_id));
    assert.equal(shown.authorization_details_types, undefined);
  });
});
