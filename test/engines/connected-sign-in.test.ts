import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findLink, recordLinkUse } from '../../src/connections/sign-in/store.ts';
import { UnitOfWork, withUnit } from '../../src/database/unit-of-work.ts';
import { Browser } from '../support/browser.ts';
import { addSignInGoogle, createLinked, leaveToSignIn } from '../support/builders/connected-sign-in.ts';
import { allow } from '../support/builders/connections.ts';
import { invite, open, signUp } from '../support/builders/invitation.ts';
import { engines } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { rounds } from '../support/world.ts';

const CONFIG = { allowPrivateServices: true };

/** The same browser, sending its requests to another server. */
function at(server: TestServer, browser: Browser): Browser {
  const same = new Browser(`http://127.0.0.1:${server.config.port}`, browser.issuer);
  for (const [name, cookie] of browser.cookies) same.cookies.set(name, cookie);
  return same;
}

for (const engine of engines)
  describe(`signing in with a connected account at two servers on ${engine}`, () => {
    test('keeps every rule in a race', async (t) => {
      const one = await startServer(t, engine, { config: CONFIG });
      const two = await startServer(t, engine, {
        storage: one.storage,
        config: { ...CONFIG, issuer: one.issuer },
      });
      const { knex, driver } = one.database;
      const google = await addSignInGoogle(t, one);
      const sessionsOf = async (account_id: string) =>
        (await knex('T_user_sessions').where({ account_id, is_active: true })).length;
      const ownerOf = async (accountId: string) => {
        const session = await knex('T_user_sessions').where({ account_id: accountId }).first('uid');
        return { accountId, sessionUid: session?.uid as string, origin: {} };
      };

      await t.test('twenty returns with one state give one session', async () => {
        const ada = await createLinked(one, google, 'ada');
        const { browser, target } = await leaveToSignIn(one);
        const back = await allow(target);
        const [, query] = back.split('?');
        const { pathname } = new URL(String((await browser.get(back)).headers.get('location')), one.issuer);
        const browsers = [browser, at(two, browser)];
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            (browsers[index % 2] as Browser).get(`${pathname}?${query}`),
          ),
        );
        const good = answers.filter(({ status }) => status === 303);
        assert.deepEqual(answers.filter(({ status }) => status >= 500).length, 0);
        assert.equal(good.length, 1);
        await browser.follow(good[0] as Response);
        assert.equal(await sessionsOf(ada.id), 2, 'that of the password, and one');
      });

      await t.test('a connection that is switched off or removed first signs nobody in', async () => {
        for (const how of ['off', 'removed'] as const) {
          const bo = await createLinked(one, google, `bo.${how}`);
          const unit = new UnitOfWork(driver);
          const link = await withUnit(unit, () => findLink('google', `sub-bo.${how}`));
          assert.ok(link?.maySignIn);
          withUnit(unit, () => recordLinkUse(link));
          const { connectionId: id } = link;
          const service = await two.services.connections.services.find('google');
          assert.ok(service);
          if (how === 'off')
            await two.services.connections.signInSwitch.end(await ownerOf(bo.id), service, id);
          else await two.services.connections.disconnect({ accountId: bo.id, id }, { actorId: bo.id });
          assert.equal(await unit.commit(), 'link');
        }
      });

      await t.test('switching it off during a sign-in lets one of them win', async () => {
        const outcomes = new Set<boolean>();
        for (let round = 0; round < rounds(3); round += 1) {
          const cy = await createLinked(one, google, `cy${round}`);
          const { browser, target } = await leaveToSignIn(two);
          const back = await allow(target);
          const service = await two.services.connections.services.find('google');
          assert.ok(service);
          const { id } = await knex('T_user_providers').where({ account_id: cy.id }).first('id');
          const before = await sessionsOf(cy.id);
          const [page] = await Promise.all([
            browser.get(back).then((answer) => browser.follow(answer)),
            one.services.connections.signInSwitch.end(await ownerOf(cy.id), service, id),
          ]);
          assert.ok(page.status < 500, String(page.status));
          const hasWon = (await sessionsOf(cy.id)) > before;
          assert.equal(hasWon, page.status === 200, `${page.status}`);
          outcomes.add(hasWon);
        }
        assert.ok(outcomes.size > 0);
      });

      await t.test('of two ways that remain, one stays', async () => {
        for (let round = 0; round < rounds(3); round += 1) {
          const di = await createLinked(one, google, `di${round}`);
          const work = { ...google.knobs.user, sub: `sub-di${round}-work` };
          const first = await knex('T_user_providers').where({ account_id: di.id }).first();
          await knex('T_user_providers').insert({
            ...first,
            id: `${first.id.slice(0, -4)}ffff`,
            provider_user_id: work.sub,
          });
          await knex('T_credentials').where({ account_id: di.id }).delete();
          const ids: string[] = await knex('T_user_providers').where({ account_id: di.id }).pluck('id');
          const service = await one.services.connections.services.find('google');
          assert.ok(service && ids.length === 2);
          const owner = await ownerOf(di.id);
          const ends = await Promise.allSettled([
            one.services.connections.signInSwitch.end(owner, service, String(ids[0])),
            two.services.connections.disconnect(
              { accountId: di.id, id: String(ids[1]) },
              { actorId: di.id, origin: {} },
            ),
          ]);
          assert.deepEqual(ends.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
          const left = await knex('T_user_providers').where({ account_id: di.id, may_sign_in: true });
          assert.equal(left.length, 1);
        }
      });

      await t.test('two sign-ups with one account there create one account', async () => {
        google.knobs.user = { sub: 'twice', email: 'twice@gmail.example', name: 'Twice' };
        const invitations = [await invite(one), await invite(one)];
        const begun = await Promise.all(
          invitations.map(async ({ code }, index) => {
            const { browser, page } = await open(one, code);
            const sent = { username: `twice${index}`, password: '', service: 'google' };
            const left = await signUp(browser, page, sent);
            return { browser, back: await allow(new URL(String(left.headers.get('location')))) };
          }),
        );
        const pages = await Promise.all(
          begun.map(async ({ browser, back }, index) => {
            const mine = index === 0 ? browser : at(two, browser);
            return mine.follow(await mine.get(back));
          }),
        );
        assert.deepEqual(pages.map(({ status }) => status).toSorted(), [200, 400]);
        assert.equal((await knex('T_user_providers').where({ provider_user_id: 'twice' })).length, 1);
        assert.equal((await knex('T_accounts').whereIn('username', ['twice0', 'twice1'])).length, 1);
        const ids = invitations.map(({ id }) => id);
        const uses: number[] = await knex('T_invitations').whereIn('id', ids).pluck('uses');
        assert.deepEqual(uses.map(Number).toSorted(), [0, 1]);
      });
    });
  });
