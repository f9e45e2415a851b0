import assert from 'node:assert/strict';
import { hkdfSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { hashedCode } from '../../src/identity/invitations/codes.ts';
import { type Browser, formOf } from '../support/browser.ts';
import { invite, OPERATOR } from '../support/builders/invitation.ts';
import {
  create,
  INVITE as NEW,
  INVITATIONS as PATH,
  signedIn,
  textOf,
} from '../support/builders/signed-in.ts';
import { startServer } from '../support/server.ts';

const codesOf = (html: string) => html.match(/(?:[0-9A-Z]{5}-){5}[0-9A-Z]{5}(?=<)/g);

describe("the forms of the administrator's invitations", { concurrency: true }, () => {
  test('create nothing twice when they are sent twice', async (t) => {
    const server = await startServer(t, 'sqlite');
    const browser = await signedIn(server, 'ada');
    const form = await formOf(await browser.get(NEW));
    const given = { ...form.fields, scope: 'openid', expires_in: '7d', max_uses: '1', count: '3' };
    const answers = await Promise.all([browser.post(NEW, given), browser.post(NEW, given)]);
    answers.push(await browser.post(NEW, given));
    const codes = await Promise.all(answers.map(async (answer) => codesOf(await answer.text())));
    assert.equal(new Set(codes[0]).size, 3);
    assert.deepEqual(codes, [codes[0], codes[0], codes[0]], 'a reload shows the same codes');
    assert.equal((await server.database.knex('T_invitations')).length, 3);
    const key = String(form.fields.idempotency_key);
    const computed = hashedCode((bytes) =>
      Buffer.from(hkdfSync('sha256', key.split('.')[1] ?? '', 'latchkey', 'invitation 0', bytes)),
    );
    assert.ok(!codes[0]?.includes(computed.code), 'nobody can compute them from the form');
    const forged = { ...given, idempotency_key: '01930000-0000-7000-8000-00000000000a' };
    assert.equal((await browser.post(NEW, forged)).status, 403);
  });

  test('are refused with every fault beside its field, and what was typed stays', async (t) => {
    const server = await startServer(t, 'sqlite');
    const browser = await signedIn(server, 'ada');
    const typed = {
      label: 'Ines',
      email: 'nowhere',
      scope: 'openid notes:write',
      max_uses: '0',
      count: '1e9',
    };
    const answer = await create(browser, { ...typed, roles: 'editor', expires_in: '99y' });
    assert.equal(answer.status, 400);
    const html = await answer.text();
    for (const [field, fault] of [
      ['email', 'Enter an e-mail address in the format name@example.com'],
      ['scope', 'You do not hold notes:write, so you cannot grant it'],
      ['roles', 'You do not hold the role editor, so you cannot grant it'],
      ['max_uses', 'Allow at least 1 use'],
      ['count', 'Create at most 1,000 invitations at a time'],
      ['expires_in', 'Enter the time until it expires as 30m, 24h, 7d, 4w or never'],
    ]) {
      assert.ok(html.includes(`<a href="#${field}">${fault}</a>`), `${field}: ${fault}`);
      assert.ok(html.includes(`<p class="err" id="${field}-e">${fault}</p>`), field);
    }
    for (const value of Object.values(typed)) assert.ok(html.includes(`value="${value}"`), value);
    for (const scope of ['openid *:*', 'latchkey:*', 'latchkey:accounts', 'notes:*'])
      assert.equal((await create(browser, { scope })).status, 403, scope);
    for (const count of ['-1', '0', '1.5', 'x', ''])
      assert.equal((await create(browser, { count })).status, 400, count);
    assert.equal((await server.database.knex('T_invitations')).length, 0);
  });

  test('take only the fields that the form shows', async (t) => {
    const server = await startServer(t, 'sqlite');
    const browser = await signedIn(server, 'ada');
    const added = {
      id: 'x',
      uses: '-5',
      created_by: 'x',
      code_hash: 'x',
      revoked_at: '',
      scopes: '["*:*"]',
      maxUses: '9',
      __proto__: 'x',
      'constructor[prototype]': 'x',
    };
    const answer = await create(browser, { ...added, ['__proto__']: 'x' });
    assert.equal(answer.status, 200);
    const [row] = await server.database.knex('T_invitations');
    const ada = await server.accounts.show('ada');
    assert.deepEqual(
      [row.uses, row.max_uses, row.created_by, row.scopes, row.id.length, row.code_hash.length],
      [0, 1, ada.id, '["openid"]', 36, 43],
    );
  });

  test('accept only their own form, from its own session, for its own invitation', async (t) => {
    const server = await startServer(t, 'sqlite');
    const [browser, other] = [await signedIn(server, 'ada'), await signedIn(server, 'bo')];
    const [one, two] = [await invite(server), await invite(server)];
    const revoke = `${PATH}/${one.id}/revoke`;
    const tokenAt = async (from: Browser, path: string) => (await formOf(await from.get(path))).fields;
    const tokens = [
      {},
      { csrf: 'x' },
      await tokenAt(other, `${PATH}/${one.id}`),
      await tokenAt(browser, `${PATH}/${two.id}`),
      await tokenAt(browser, NEW),
      await tokenAt(browser, '/account/security'),
    ];
    for (const fields of tokens) assert.equal((await browser.post(revoke, { ...fields })).status, 403);
    const right = await tokenAt(browser, `${PATH}/${one.id}`);
    const making = {
      ...(await tokenAt(browser, NEW)),
      scope: 'openid',
      max_uses: '1',
      count: '1',
      expires_in: '7d',
    };
    const foreign: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'same-site' },
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/json' },
    ];
    for (const headers of foreign) {
      assert.equal((await browser.post(revoke, right, headers)).status, 403, JSON.stringify(headers));
      assert.equal((await browser.post(NEW, making, headers)).status, 403, JSON.stringify(headers));
    }
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
      await browser.request(`${revoke}?${new URLSearchParams(right)}`, { method });
      await browser.request(`${NEW}?${new URLSearchParams(making)}`, { method });
    }
    assert.equal((await server.invitations.show(OPERATOR, one.id)).state, 'waiting');
    assert.equal((await server.database.knex('T_invitations')).length, 2);
    assert.equal((await browser.post(revoke, right)).status, 303);
  });

  test('are refused to somebody who lost the scope while the form was open', async (t) => {
    const server = await startServer(t, 'sqlite');
    const browser = await signedIn(server, 'ada');
    const { fields } = await formOf(await browser.get(NEW));
    await server.database.knex('T_accounts').update({ scopes: '["openid"]' });
    const given = { ...fields, scope: 'openid', max_uses: '1', count: '1', expires_in: '7d' };
    const answer = await browser.post(NEW, given);
    assert.equal(answer.status, 403);
    assert.match(await textOf(answer), /do not have access/);
    assert.equal((await server.database.knex('T_invitations')).length, 0);
  });
});
