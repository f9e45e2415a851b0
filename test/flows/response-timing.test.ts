import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { invite, open, signUp } from '../support/builders/invitation.ts';
import { startServer } from '../support/server.ts';
import { alike, compared, pairs } from '../support/timing.ts';

async function timed(work: () => Promise<Response>): Promise<[number, Response]> {
  const started = performance.now();
  const response = await work();
  return [performance.now() - started, response];
}

/** A new address for every attempt, so that none is limited. */
function anAddress(): Record<string, string> {
  const bytes = randomBytes(3);
  return { 'x-forwarded-for': `10.${[...bytes].join('.')}` };
}

const LOCKS = {
  open: { failed_login_attempts: 0, locked_until: null },
  locked: { failed_login_attempts: 5, locked_until: new Date(Date.now() + 86_400_000) },
};
const signIns = compared.flatMap((engine) => Object.entries(LOCKS).map((lock) => [engine, ...lock] as const));

describe('an existing and an unknown account', () => {
  for (const [engine, what, lock] of signIns) {
    test(`are refused in the same time at sign-in on ${engine} while the password is ${what}`, async (t) => {
      const server = await startServer(t, engine, { config: { trustProxy: 1 } });
      const client = await server.createClient();
      await server.createAccount('known');
      const browser = new Browser(server.issuer);
      let form = await formOf(await browser.follow(await browser.get(authorizeUrl(authorization(client)))));
      const attempt = async (username: string) => {
        await server.database.knex('T_credentials').update(lock);
        const fields = { ...form.fields, username, password: 'wrong' };
        const [took, page] = await timed(() => browser.post(form.action, fields, anAddress()));
        assert.equal(page.status, 401);
        form = await formOf(page);
        return took;
      };
      for (let warm = 0; warm < 100; warm += 1) await attempt(warm % 2 ? 'known' : 'nobod');
      t.diagnostic(await alike(pairs(150), [() => attempt('known'), () => attempt('nobod')]));
    });
  }

  test('get the response to a password reset request in the same time', async (t) => {
    const server = await startServer(t, 'sqlite', { config: { trustProxy: 1 } });
    const known = 40;
    for (let index = 0; index < known; index += 1) await server.createAccount(`known${index}`);
    const browser = new Browser(server.issuer);
    const form = await formOf(await browser.get('/forgot'));
    let asked = 0;
    const attempt = async (email: string) => {
      // Work after the response overlaps with the next attempts, as it does for an attacker.
      asked += 1;
      if (asked % 50 === 0) await server.settled();
      await server.database.knex('T_rate_limits').delete();
      const fields = { ...form.fields, email };
      const [took, page] = await timed(() => browser.post(form.action, fields, anAddress()));
      assert.equal(page.status, 303);
      return took;
    };
    const kinds: [(pair: number) => Promise<number>, (pair: number) => Promise<number>] = [
      (pair) => attempt(`known${pair % known}@harbour.example`),
      (pair) => attempt(`nobod${pair % known}@harbour.example`),
    ];
    for (let warm = 0; warm < 10; warm += 1) await kinds[warm % 2 ? 0 : 1](warm);
    t.diagnostic(await alike(pairs(100), kinds));
  });

  test('can sign up with an invitation in the same time, whether the address is taken or not', async (t) => {
    const server = await startServer(t, 'sqlite');
    await server.createAccount('ada');
    let people = 0;
    let code = '';
    const attempt = async (email: string) => {
      if (people % 10_000 === 0) ({ code } = await invite(server, { scope: 'openid', maxUses: 10_000 }));
      people += 1;
      const { browser, page } = await open(server, code);
      const [took] = await timed(() => signUp(browser, page, { username: `n${people}`, email }));
      return took;
    };
    for (let warm = 0; warm < 20; warm += 1)
      await attempt(warm % 2 ? 'ada@harbour.example' : `w${warm}@b.example`);
    t.diagnostic(
      await alike(pairs(60), [
        () => attempt('ada@harbour.example'),
        (pair) => attempt(`n${pair}@harbour.example`),
      ]),
    );
  });
});
