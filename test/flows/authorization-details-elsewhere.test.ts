import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { call, refresh } from '../support/builders/authorization.ts';
import {
  answerRequest,
  askForSignIn,
  createTill,
  pollForTokens,
  REQUESTS,
} from '../support/builders/ciba.ts';
import {
  answerPages,
  askForCode,
  connect,
  createDeviceClient,
  poll,
  typeCode,
} from '../support/builders/device.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { beginExchange, exchange, NOTES, SEARCH, signInForApi } from '../support/builders/token-exchange.ts';
import { shareServer } from '../support/shared-server.ts';

const OPERATOR = { accountId: null };
const BANK = 'https://bank.example/api';
const PAYMENT = { type: 'payment', amount: '123.50', creditor: '<b>Merchant</b> A' };
const OTHER = { type: 'payment', amount: '999' };

describe('authorization details (RAR, RFC 9396) of requests without a browser', () => {
  const shared = shareServer();
  const scope = 'openid offline_access pay';
  const fields = { scope, resource: BANK, authorization_details: JSON.stringify([PAYMENT]) };
  let ada: { id: string; username: string; password: string };
  before(async () => {
    const { server } = shared;
    ada = await server.createAccount('ada', scope);
    await server.services.resources.create(OPERATOR, {
      identifier: BANK,
      name: 'Bank',
      scope: 'pay',
      authorizationTypes: ['payment=Make this payment'],
    });
  });

  test('of a device are on both of its pages, asked about each time, and in its tokens', async () => {
    const { server } = shared;
    const client = await createDeviceClient(server, { scope, firstParty: true });
    const browser = new Browser(server.issuer);
    const { device_code, user_code } = await askForCode(server, client, fields);
    const page = await typeCode(browser, user_code);
    assert.match(await textOf(page.clone()), /Make this payment \(Bank\)/);
    await answerPages(browser, page, ada);
    const { body } = await poll(server, client, device_code);
    assert.deepEqual(body.authorization_details, [PAYMENT]);
    const renewed = await refresh(server, client, body.refresh_token);
    assert.deepEqual(renewed.body.authorization_details, [PAYMENT]);

    const again = await askForCode(server, client, fields);
    const confirm = await typeCode(browser, again.user_code);
    const denied = await answerPages(browser, confirm, ada, 'deny');
    assert.match(await textOf(denied), /was not connected/);
    const plain = await askForCode(server, client, { scope, resource: BANK });
    await connect(server, plain.user_code, ada, browser);
    const without = await poll(server, client, plain.device_code);
    assert.deepEqual([without.status, without.body.authorization_details], [200, undefined]);
  });

  test('of a till are on the page of requests with everything they say, and in its tokens', async () => {
    const { server } = shared;
    const till = await createTill(server, { scope });
    const { body } = await askForSignIn(server, till, { ...fields, login_hint: 'ada' });
    const { browser } = await visit(server, ada, REQUESTS);
    const text = await textOf(await browser.get(REQUESTS));
    assert.match(
      text,
      /Make this payment \(Bank\) amount : 123.50 creditor : &lt;b&gt;Merchant&lt;\/b&gt; A/,
    );
    await answerRequest(browser, 'approve');
    const tokens = await pollForTokens(server, till, body.auth_req_id);
    assert.deepEqual(tokens.body.authorization_details, [PAYMENT], JSON.stringify(tokens.body));
    const { knex } = server.database;
    const event = await knex('T_auth_audit_log').where({ action: 'sign_in_request.approved' }).first();
    assert.equal(JSON.parse(event.details).authorization_details, 'payment');
  });

  test('are refused of a device and a till with an unknown type, or without the resource', async () => {
    const { server } = shared;
    const device = await createDeviceClient(server, { scope });
    const till = await createTill(server, { scope });
    const unknown = { ...fields, authorization_details: '[{"type":"unknown"}]' };
    const homeless = { ...fields, resource: undefined };
    for (const refused of [unknown, homeless]) {
      const answers = [
        await call(server, device, '/device/auth', refused),
        await askForSignIn(server, till, { ...refused, login_hint: 'ada' }),
      ];
      for (const { body } of answers) assert.equal(body.error, 'invalid_authorization_details');
    }
  });
});

test('a token exchange keeps the details of the target, or some of them, and adds none', async (t) => {
  const { server, api, app, ada } = await beginExchange(t, 'sqlite');
  const { resources } = server.services;
  const authorizationTypes = ['payment=Make this payment'];
  await resources.update(OPERATOR, NOTES, {
    authorizationTypes: [...authorizationTypes, 'note=Read this note'],
  });
  await resources.update(OPERATOR, SEARCH, { authorizationTypes });
  const note = { type: 'note', identifier: '7' };
  const first = await signInForApi(server, app, ada, undefined, NOTES, [note]);
  const without = await exchange(server, api, first.body.access_token);
  assert.deepEqual([without.status, without.body.authorization_details], [200, undefined]);
  const { body } = await signInForApi(server, app, ada, undefined, NOTES, [PAYMENT, note]);
  assert.deepEqual(body.authorization_details, [PAYMENT, note]);
  const kept = await exchange(server, api, body.access_token);
  assert.deepEqual(kept.body.authorization_details, [PAYMENT]);
  const { body: info } = await call(server, api, '/token/introspection', { token: kept.body.access_token });
  assert.deepEqual(info.authorization_details, [PAYMENT]);
  const more = { authorization_details: JSON.stringify([OTHER]) };
  const refused = await exchange(server, api, body.access_token, more);
  assert.equal(refused.body.error, 'invalid_authorization_details');
});
