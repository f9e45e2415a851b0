import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { authorization } from '../support/builders/authorization.ts';
import { createEditor, OPERATOR, only, signInForClaims } from '../support/builders/client-claims.ts';
import { arrive } from '../support/builders/consent.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { createMigratedDatabase } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { PASSWORD, startServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const EVERYTHING = 'openid profile email address phone';
const DETAILS = {
  middleName: 'King',
  nickname: 'Countess',
  profile: 'https://harbour.example/ada',
  website: 'https://ada.example',
  gender: 'female',
  birthdate: '0000-12-10',
  phoneNumber: '+351 210 000 000',
  streetAddress: '12 St James Square',
  locality: 'London',
  postalCode: 'SW1Y 4JH',
  country: 'United Kingdom',
};
const CLAIMS = {
  middle_name: 'King',
  nickname: 'Countess',
  profile: 'https://harbour.example/ada',
  website: 'https://ada.example',
  gender: 'female',
  birthdate: '0000-12-10',
  phone_number: '+351 210 000 000',
  phone_number_verified: false,
  address: {
    formatted: '12 St James Square\nSW1Y 4JH London\nUnited Kingdom',
    street_address: '12 St James Square',
    locality: 'London',
    postal_code: 'SW1Y 4JH',
    country: 'United Kingdom',
  },
};
const NAMES = [...Object.keys(CLAIMS)];

for (const engine of engines) {
  test(`the details of a person become claims by their scopes on ${engine}, and empty ones are left out`, async (t) => {
    const server = await startServer(t, engine);
    const client = await server.createClient({ scope: EVERYTHING });
    const person = await createEditor(server);
    await server.accounts.update(OPERATOR, 'ada', { scope: EVERYTHING });
    const scope = { scope: EVERYTHING };
    const before = await signInForClaims(server, client, person, scope);
    assert.deepEqual(only(before.userinfo, NAMES), {});
    await server.accounts.update(OPERATOR, 'ada', DETAILS);
    const { userinfo, idToken } = await signInForClaims(server, client, person, scope);
    assert.deepEqual(only(userinfo, NAMES), CLAIMS);
    assert.deepEqual(userinfo.roles, ['editor']);
    assert.deepEqual(only(idToken, ['nickname']), { nickname: 'Countess' });
    const { nickname, address, ...other } = CLAIMS;
    await server.accounts.update(OPERATOR, 'ada', { nickname: '', phoneNumberVerified: true });
    const fewer = await signInForClaims(server, client, person, { scope: 'openid profile phone' });
    assert.deepEqual(only(fewer.userinfo, NAMES), { ...other, phone_number_verified: true });
  });
}

describe('the details of a person', () => {
  test('stay within what the application may request and what the account may have', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount('ada', 'openid profile phone');
    await server.accounts.update(OPERATOR, 'ada', DETAILS);
    const claims = JSON.stringify({
      userinfo: { address: { essential: true }, phone_number: null, gender: null },
    });
    const client = await server.createClient({ scope: 'openid phone address' });
    const { userinfo } = await signInForClaims(server, client, person, { scope: 'openid', claims });
    assert.deepEqual(only(userinfo, NAMES), { phone_number: '+351 210 000 000' });
  });

  test('are named on the consent page', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount('ada', EVERYTHING);
    const client = await server.createClient({ scope: EVERYTHING });
    const page = await arrive(
      new Browser(server.issuer),
      authorization(client, { scope: 'openid address phone' }),
      person,
    );
    assert.match(await textOf(page), /See your postal address.*See your phone number/s);
  });

  test('are what an administrator names on the command line', async (t) => {
    const { url, drop } = await createMigratedDatabase('sqlite');
    t.after(drop);
    const run = (...args: string[]) => latchkey(['account', ...args, '--json'], { url, input: PASSWORD });
    const details = ['--nickname', 'Countess', '--birthdate', '1815-12-10', '--postal-code', 'SW1Y 4JH'];
    const phone = ['--phone-number', '+44 20 7946 0000', '--phone-number-verified'];
    const { stdout } = await run('create', '--username', 'ada', '--password-stdin', ...details, ...phone);
    const created = JSON.parse(stdout);
    assert.deepEqual(
      [created.nickname, created.birthdate, created.postal_code, created.phone_number, created.website],
      ['Countess', '1815-12-10', 'SW1Y 4JH', '+44 20 7946 0000', null],
    );
    assert.equal(created.phone_number_verified, true);
    const changed = await run('update', 'ada', '--no-phone-number-verified', '--nickname=');
    const { nickname, phone_number_verified } = JSON.parse(changed.stdout);
    assert.deepEqual([nickname, phone_number_verified], [null, false]);
  });

  test('are refused when they are not in their form, and confirmed only with a phone number', async (t) => {
    const server = await startServer(t, 'sqlite');
    await server.createAccount();
    const update = (changes: object) => server.accounts.update(OPERATOR, 'ada', changes);
    const vouched = await update({ phoneNumber: '+44 20 7946 0000', phoneNumberVerified: true });
    assert.equal(vouched.phone_number_verified, true);
    assert.equal((await update({ phoneNumber: '+44 20 7946 0001' })).phone_number_verified, false);
    assert.equal((await update({ phoneNumber: '' })).phone_number, null);
    const faults: [object, RegExp][] = [
      [{ phoneNumberVerified: true }, /Only a phone number can be confirmed/],
      [{ phoneNumber: '12345' }, /begins with \+ and the country code/],
      [{ website: 'javascript:alert(1)' }, /begins with https:/],
      [{ birthdate: '1815-02-30' }, /is a date such as/],
      [{ birthdate: '0000' }, /is a date such as/],
    ];
    for (const [changes, sentence] of faults) await assert.rejects(update(changes), sentence);
  });

  test('are changed by the user, who loses the confirmation of another phone number', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount('ada', EVERYTHING);
    await server.accounts.update(OPERATOR, 'ada', { phoneNumber: '+351 210', phoneNumberVerified: true });
    const { browser, page } = await visit(server, ada, '/account/profile');
    const html = await page.text();
    assert.match(html, /<details open><summary>More about you/);
    const csrf =
      /action="\/account\/profile">\s*<input type="hidden" name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? '';
    const save = (fields: Record<string, string>) => browser.post('/account/profile', { csrf, ...fields });
    assert.equal((await save({ nickname: 'Ada', phone_number: '+351 210' })).status, 303);
    const read = () => server.accounts.show('ada');
    assert.deepEqual([(await read()).nickname, (await read()).phone_number_verified], ['Ada', true]);
    await save({ phone_number: '+351 211 111' });
    const { nickname, phone_number, phone_number_verified } = await read();
    assert.deepEqual([nickname, phone_number, phone_number_verified], ['Ada', '+351 211 111', false]);
    const refused = await save({ birthdate: 'yesterday' });
    assert.equal(refused.status, 400);
    assert.match(await textOf(refused), /A birthdate is a date such as 1815-12-10/);
  });

  test('are not asked of people who cannot give them to any application', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { page } = await visit(server, await server.createAccount(), '/account/profile');
    const html = await page.text();
    assert.match(html, /<details><summary>More about you/);
    assert.doesNotMatch(html, /phone_number|street_address/);
  });
});
