import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { openWorld, type ServerProcess, type World } from '../support/world.ts';

/** A few in the suite; lockout.test.ts sends 1,000 to the database itself. */
const PARALLEL = Number(process.env.LATCHKEY_TEST_GUESSES ?? 24);

/** Sends the sign-in form from many addresses, so that only the account's lock limits the attempts. */
async function atTheForm(world: World, server: ServerProcess, browser = new Browser(server.issuer)) {
  const client = await world.createClient();
  const page = await browser.follow(await browser.get(authorizeUrl(authorization(client))));
  const { action, fields } = await formOf(page);
  let from = 0;
  return {
    browser,
    action,
    fields,
    send(password: string, options: { at?: ServerProcess; username?: string } = {}) {
      from += 1;
      const url = new URL(action, (options.at ?? server).issuer).href;
      const form = { ...fields, username: options.username ?? 'ada', password };
      return browser.post(url, form, { 'x-forwarded-for': `10.9.${from >> 8}.${from & 255}` });
    },
  };
}

const BEHIND_A_PROXY = { LATCHKEY_TRUST_PROXY: 'true' };

for (const engine of engines) {
  describe(`wrong passwords at the sign-in forms of two servers on ${engine}`, () => {
    test('many at once: five are verified, the count survives a crash, and a locked account looks like a wrong password', async (t) => {
      const world = await openWorld(t, engine);
      const [first, second] = [await world.start(BEHIND_A_PROXY), await world.start(BEHIND_A_PROXY)];
      const person = await world.createAccount();
      const { knex } = world.database;
      const stranger = await atTheForm(world, first);
      const both = [first, second];
      const wrong = async () =>
        (await knex('T_auth_audit_log').where({ error_code: 'wrong_password' })).length;

      for (let times = 0; times < 2; times += 1) assert.equal((await stranger.send('wrong')).status, 401);
      await first.kill('SIGKILL');
      await first.restart();
      const answers = await Promise.all(
        Array.from({ length: PARALLEL }, (_, index) => stranger.send('wrong', { at: both[index % 2] })),
      );
      const statuses: Record<number, number> = {};
      for (const { status } of answers) statuses[status] = (statuses[status] ?? 0) + 1;
      // 503: refused by the full bcrypt queue. 408: a busy machine did not read the request in time.
      for (const status of Object.keys(statuses))
        assert.ok(['401', '503', '408'].includes(status), JSON.stringify(statuses));
      // A guess that was checked is counted even when the database did not answer the commit in time.
      const looked = await wrong();
      assert.ok(looked <= 5, `${looked} were looked at`);
      assert.equal(Number((await knex('T_credentials').first()).failed_login_attempts), 5);
      t.diagnostic(`${engine}: ${JSON.stringify(statuses)}`);

      const seen = [];
      for (const username of ['ada', 'eve']) {
        const response = await stranger.send(person.password, { username });
        const html = (await response.text()).replaceAll(username, 'USER');
        const headers = [...response.headers].filter(([name]) => !['x-request-id', 'date'].includes(name));
        seen.push({ status: response.status, html, headers });
      }
      assert.deepEqual(seen[0], seen[1]);
      assert.ok(!seen[0]?.headers.some(([name]) => name === 'set-cookie'));
      assert.equal(await wrong(), looked);

      await knex('T_credentials').update({ locked_until: new Date(Date.now() - 1000) });
      const after = await stranger.send(person.password, { at: second });
      assert.equal(after.status, 303);
      assert.match(after.headers.getSetCookie().join(), /latchkey_browser=/);
      assert.equal(Number((await knex('T_credentials').first()).failed_login_attempts), 0);

      // Somebody else locks the account again; the browser that just signed in is trusted.
      const other = await atTheForm(world, first);
      for (let times = 0; times < 5; times += 1) await other.send('wrong');
      assert.equal((await other.send(person.password)).status, 401);
      const known = new Browser(first.issuer);
      const cookie = stranger.browser.cookies.get('/ latchkey_browser');
      assert.ok(cookie);
      known.cookies.set('/ latchkey_browser', cookie);
      assert.equal((await (await atTheForm(world, first, known)).send(person.password)).status, 303);
    });
  });
}
