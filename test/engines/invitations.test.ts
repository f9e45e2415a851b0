import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createInvitations } from '../../src/identity/invitations/service.ts';
import { covers } from '../../src/oidc/scopes.ts';
import type { Browser } from '../support/browser.ts';
import { engines } from '../support/engines.ts';
import { OPERATOR, open, signUp } from '../support/newcomer.ts';
import { openWorld, rounds, type ServerProcess, type World } from '../support/process.ts';

const PARALLEL = 100;

const invitationsOf = (world: World, server: ServerProcess) =>
  createInvitations({ knex: world.database.knex, issuer: server.issuer, covers });

/** Everybody has the form before them. */
async function offers(servers: ServerProcess[], codes: string[]): Promise<[Browser, Response][]> {
  const ready: [Browser, Response][] = [];
  for (const [index, code] of codes.entries()) {
    const { browser, page } = await open(servers[index % servers.length] as ServerProcess, code);
    ready.push([browser, page]);
  }
  return ready;
}

/** How often each status was answered when all send at once. */
async function sendAll(ready: [Browser, Response][], username: (index: number) => string) {
  const answers = await Promise.all(
    ready.map(([browser, page], index) => signUp(browser, page, { username: username(index) })),
  );
  const statuses: Record<number, number> = {};
  for (const { status } of answers) statuses[status] = (statuses[status] ?? 0) + 1;
  return statuses;
}

for (const engine of engines) {
  describe(`invitations redeemed at two servers on ${engine}`, () => {
    test('100 at once: one use makes one account, seven make seven, and a name is one account’s', async (t) => {
      const world = await openWorld(t, engine);
      const servers = [await world.start(), await world.start()];
      const invitations = invitationsOf(world, servers[0] as ServerProcess);
      const { knex } = world.database;
      const count = async (table: string) => Number((await knex(table).count({ n: '*' }).first())?.n);
      const same = (code = '') => Array.from({ length: PARALLEL }, () => code);

      const [single] = await invitations.create(OPERATOR, {});
      const one = await sendAll(await offers(servers, same(single?.code)), (index) => `one${index}`);
      assert.deepEqual([one[303], await count('T_accounts')], [1, 1], JSON.stringify(one));

      const [seven] = await invitations.create(OPERATOR, { maxUses: 7 });
      const many = await sendAll(await offers(servers, same(seven?.code)), (index) => `seven${index}`);
      assert.deepEqual([many[303], await count('T_accounts')], [7, 8], JSON.stringify(many));

      const made = await invitations.create(OPERATOR, {}, PARALLEL);
      const codes = made.map(({ code }) => code);
      const name = await sendAll(await offers(servers, codes), () => 'mei');
      assert.deepEqual([name[303], await count('T_accounts')], [1, 9], JSON.stringify(name));
      assert.deepEqual(Number((await knex('T_invitations').sum({ n: 'uses' }).first())?.n), 9);
      for (const table of ['T_credentials', 'T_invitation_redemptions']) assert.equal(await count(table), 9);
      t.diagnostic(`${engine}: ${JSON.stringify({ one, many, name })}`);
    });

    test('50 at once make one first administrator, by one link or by several', async (t) => {
      const world = await openWorld(t, engine);
      const servers = [await world.start(), await world.start()];
      const invitations = invitationsOf(world, servers[0] as ServerProcess);
      const code = async () =>
        new URL((await invitations.setUpLink(OPERATOR)).url).searchParams.get('code') as string;
      const earlier = await open(servers[0] as ServerProcess, await code());
      const link = await code();
      const ready = await offers(
        servers,
        Array.from({ length: 50 }, () => link),
      );
      const statuses = await sendAll([...ready, [earlier.browser, earlier.page]], (index) => `ada${index}`);
      const accounts = await world.database.knex('T_accounts').select('scopes');
      assert.deepEqual(accounts, [{ scopes: '["*:*"]' }], JSON.stringify(statuses));
      await assert.rejects(invitations.setUpLink(OPERATOR), /has an administrator/);
    });

    test('killed in the middle: an invitation is unused, or its account is whole', async (t) => {
      const world = await openWorld(t, engine);
      const server = await world.start();
      const invitations = invitationsOf(world, server);
      const { knex } = world.database;
      let whole = 0;
      for (let round = 0; round < rounds(3); round += 1) {
        if (round > 0) await server.restart();
        const made = await invitations.create(OPERATOR, {}, 12);
        const ready = await offers(
          [server],
          made.map(({ code }) => code),
        );
        const sent = ready.map(([browser, page], index) =>
          signUp(browser, page, { username: `r${round}n${index}` }).catch(() => undefined),
        );
        await sleep(300 + Math.random() * 1500);
        await server.kill('SIGKILL');
        const told = await Promise.all(sent);
        for (const [index, { id }] of made.entries()) {
          const account = await knex('T_accounts')
            .where({ username: `r${round}n${index}` })
            .first('id');
          const { uses } = await knex('T_invitations').where({ id }).first('uses');
          const of = { account_id: account?.id ?? '' };
          const credentials = await knex('T_credentials').where(of);
          const ledger = await knex('T_invitation_redemptions').where({ invitation_id: id });
          const audit = await knex('T_auth_audit_log').where({ ...of, action: 'invitation.redeemed' });
          const n = account ? 1 : 0;
          assert.deepEqual([uses, credentials.length, ledger.length, audit.length], [n, n, n, n]);
          if (told[index]?.status === 303) assert.equal(n, 1, 'what was told holds');
          whole += n;
        }
      }
      t.diagnostic(`${engine}: ${rounds(3)} kills, ${whole} of ${12 * rounds(3)} accounts were made`);
    });
  });
}
