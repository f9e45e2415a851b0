import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
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
import { arrive } from '../support/builders/consent.ts';
import { textOf } from '../support/builders/signed-in.ts';
import { shareServer } from '../support/shared-server.ts';
import { latchkey } from '../support/warm-command.ts';

const OPERATOR = { accountId: null };
const BANK = 'https://bank.example/api';
const PHONE = 'https://phone.example/api';
const PAYMENT = {
  type: 'payment_initiation',
  actions: ['initiate', 'status'],
  locations: [BANK],
  instructedAmount: { currency: 'EUR', amount: '123.50' },
  creditorName: '<b>Merchant</b> A',
};

describe('authorization details (RAR, RFC 9396)', () => {
  const shared = shareServer();
  let client: ClientDocument;
  let api: ClientDocument;
  let ada: { id: string; username: string; password: string };
  before(async () => {
    const { server } = shared;
    const { resources } = server.services;
    const scope = 'openid offline_access pay call';
    client = await server.createClient({ scope });
    api = await server.createClient({ redirectUris: [], resourceServer: true, scope: 'pay' });
    ada = await server.createAccount('ada', scope);
    const payments = ['payment_initiation=Make this payment', 'account_information=Read your accounts'];
    await resources.create(OPERATOR, {
      identifier: BANK,
      name: 'Bank',
      scope: 'pay',
      clientId: api.client_id,
      authorizationTypes: payments,
    });
    await resources.create(OPERATOR, {
      identifier: PHONE,
      scope: 'call',
      format: 'jwt',
      authorizationTypes: ['call=Call'],
    });
  });

  const ask = (details: unknown, more: Record<string, string | undefined> = {}, resources = [BANK]) => ({
    ...authorization(client, {
      scope: 'openid pay call offline_access',
      authorization_details: JSON.stringify(details),
      ...more,
    }),
    resources,
  });

  async function obtain(details: unknown, fields: Record<string, string> = {}, resources = [BANK]) {
    const request = ask(details, {}, resources);
    const answer = answerOf(await walk(new Browser(shared.server.issuer), request, ada));
    const { body, status } = await redeem(shared.server, client, request, answer.get('code'), fields);
    return { request, body, status };
  }

  test('are shown at consent in the words of their type with everything they say, and are in token and introspection', async () => {
    const { server } = shared;
    const page = await arrive(new Browser(server.issuer), ask([PAYMENT]), ada);
    const text = await textOf(page);
    assert.match(
      text,
      /Make this payment \(Bank\) Actions : initiate, status Where : https:\/\/bank.example\/api/,
    );
    assert.match(text, /instructedAmount currency : EUR instructedAmount amount : 123.50/);
    assert.match(text, /creditorName : &lt;b&gt;Merchant&lt;\/b&gt; A/);
    const { body } = await obtain([PAYMENT]);
    assert.deepEqual(body.authorization_details, [PAYMENT]);
    const { access_token: token } = body;
    for (const asker of [client, api]) {
      const { body: seen } = await call(server, asker, '/token/introspection', { token });
      assert.deepEqual(seen.authorization_details, [PAYMENT]);
    }
    const event = await server.database.knex('T_auth_audit_log').where({ action: 'consent.granted' }).first();
    assert.equal(JSON.parse(event.details).authorization_details, 'payment_initiation');
    const renewed = await refresh(server, client, body.refresh_token);
    assert.deepEqual(renewed.body.authorization_details, [PAYMENT]);
  });

  test('are asked about each time, and of a first-party application too', async () => {
    const { server } = shared;
    const browser = new Browser(server.issuer);
    await walk(browser, ask([PAYMENT]), ada);
    const again = await browser.follow(await browser.get(authorizeUrl(ask([PAYMENT]))));
    assert.match(await textOf(again), /Make this payment/);
    const silent = answerOf(await browser.get(authorizeUrl(ask([PAYMENT], { prompt: 'none' }))));
    assert.equal(silent.get('error'), 'consent_required');
    const ours = await server.createClient({ scope: 'openid pay', firstParty: true });
    const request = ask([PAYMENT], { client_id: ours.client_id, scope: 'openid pay' });
    assert.match(await textOf(await arrive(new Browser(server.issuer), request, ada)), /Make this payment/);
  });

  test('are only for the resource whose types they are', async () => {
    const details = [PAYMENT, { type: 'call', identifier: '+351' }];
    const bank = await obtain(details, { resource: BANK }, [BANK, PHONE]);
    assert.deepEqual(bank.body.authorization_details, [PAYMENT]);
    const phone = await obtain(details, { resource: PHONE }, [BANK, PHONE]);
    assert.deepEqual(decodeJwt(String(phone.body.access_token)).authorization_details, [details[1]]);
    const { body } = await call(shared.server, client, '/token/introspection', {
      token: phone.body.access_token,
    });
    assert.deepEqual(body.authorization_details, [details[1]]);
  });

  test('of a token request name some of those that were allowed, and no others', async () => {
    const accounts = { type: 'account_information' };
    const name = (details: unknown) => ({ resource: BANK, authorization_details: JSON.stringify(details) });
    const fewer = await obtain([PAYMENT, accounts], name([accounts]));
    assert.deepEqual(fewer.body.authorization_details, [accounts]);
    const dearer = { ...PAYMENT, instructedAmount: { currency: 'EUR', amount: '999' } };
    const more = await obtain([PAYMENT], name([dearer]));
    assert.deepEqual([more.status, more.body.error], [400, 'invalid_authorization_details']);
    const twice = await obtain([PAYMENT, accounts], name([PAYMENT, PAYMENT]));
    assert.deepEqual([twice.status, twice.body.error], [400, 'invalid_authorization_details']);
  });

  test('are refused with an unknown type, for another resource, malformed, or where no user is asked', async () => {
    const { server } = shared;
    const errorOf = async (request: ReturnType<typeof ask>) =>
      answerOf(await new Browser(server.issuer).get(authorizeUrl(request))).get('error');
    const refused = [
      ask([{ type: 'unknown' }]),
      ask([{ type: '__proto__' }]),
      ask([{ type: 'constructor' }]),
      ask([PAYMENT], {}, [PHONE]),
      ask([PAYMENT], {}, []),
      ask({ type: 'payment_initiation' }),
      ask([{ type: 'payment_initiation', actions: 'all' }]),
      ask([], { authorization_details: '{' }),
    ];
    for (const request of refused) assert.equal(await errorOf(request), 'invalid_authorization_details');
    const service = await server.createClient({
      redirectUris: [],
      grantTypes: ['client_credentials'],
      scope: 'pay',
    });
    const fields = { resource: BANK, authorization_details: JSON.stringify([PAYMENT]) };
    const { body } = await call(server, service, '/token', { grant_type: 'client_credentials', ...fields });
    assert.equal(body.error, 'invalid_authorization_details');
  });

  test('have the types that latchkey resource registers, which discovery lists', async () => {
    const { server } = shared;
    const run = async (...args: string[]) => {
      const update = ['resource', 'update', PHONE, '--json', ...args];
      const { stdout, stderr } = await latchkey(update, { url: server.storage.url });
      return stdout ? JSON.parse(stdout).authorization_details_types : stderr;
    };
    assert.deepEqual(
      await run('--authorization-type', 'call=Call someone', '--authorization-type', 'sms=Send a message'),
      {
        call: 'Call someone',
        sms: 'Send a message',
      },
    );
    assert.match(await run('--authorization-type', 'no words'), /has the form TYPE=WORDS/);
    const response = await fetch(`${server.issuer}/.well-known/oauth-authorization-server`);
    const { authorization_details_types_supported: types } = (await response.json()) as Record<
      string,
      string[]
    >;
    assert.deepEqual(types, ['payment_initiation', 'account_information', 'call', 'sms']);
    assert.equal(await run('--no-authorization-type'), undefined);
  });
});
