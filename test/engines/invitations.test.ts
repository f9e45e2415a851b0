import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser } from '../support/browser.ts';
import { OPERATOR, open, signUp } from '../support/builders/invitation.ts';
import { QUICK_LOADING } from '../support/child-environment.ts';
import { engines } from '../support/engines.ts';
import { servicesOn } from '../support/services.ts';
import { openWorld, rounds, type ServerProcess, type World } from '../support/world.ts';

const PARALLEL = 100;
interface Person {
  code: string;
  username: string;
}
const program = resolve(import.meta.dirname, '../support/redeem-process.js');

const invitationsOf = (world: World, server: { issuer: string }) =>
  servicesOn(world.database, server.issuer).invitations;

/** Opens the sign-up form of each code, half of them at each server. */
async function offers(servers: ServerProcess[], codes: string[]): Promise<[Browser, Response][]> {
  const issuer = servers[0]?.issuer;
  const ready: [Browser, Response][] = [];
  for (const [index, code] of codes.entries()) {
    const server = servers[index % servers.length] as ServerProcess;
    const { browser, page } = await open(server, code, new Browser(server.issuer, issuer));
    ready.push([browser, page]);
  }
  return ready;
}

const tally = (ends: (string | number)[]) => {
  const counts: Record<string, number> = {};
  for (const end of ends) counts[end] = (counts[end] ?? 0) + 1;
  return counts;
};

/**
 * Sends all forms at once, and again after each 503 of the full password queue or a busy database.
 *
 * @returns how often each status came last, and whether a form was sent again
 */
async function sendAll(ready: [Browser, Response][], username: (index: number) => string) {
  let isRepeated = false;
  const statuses = ready.map(async ([browser, page], index) => {
    const again = page.clone();
    let answer = await signUp(browser, page, { username: username(index) });
    while (answer.status === 503) {
      isRepeated = true;
      await sleep(500 + Math.random() * 500);
      answer = await signUp(browser, again.clone(), { username: username(index) });
    }
    return answer.status;
  });
  return { ...tally(await Promise.all(statuses)), isRepeated };
}

const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill();
});

/** Starts a process that redeems invitations: it reads a line and answers with a line. */
async function startRedeemer() {
  const child = spawn(process.execPath, [...QUICK_LOADING, program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => JSON.parse((await lines.next()).value ?? '"it ended"');
  assert.equal(await answer(), 'ready');
  return (given: unknown): Promise<string[]> => {
    child.stdin.write(`${JSON.stringify(given)}\n`);
    return answer();
  };
}

/** Two processes without servers, which redeem half of the invitations each at the same time. */
let redeemers: ReturnType<typeof startRedeemer>[] | undefined;

async function atTheDatabase(url: string, people: Person[]) {
  redeemers ??= [startRedeemer(), startRedeemer()];
  const both = await Promise.all(redeemers);
  const ends = both.map((redeem, half) =>
    redeem({ url, redemptions: people.filter((_, index) => index % 2 === half) }),
  );
  return tally((await Promise.all(ends)).flat());
}

for (const engine of engines) {
  describe(`invitations redeemed at two servers on ${engine}`, () => {
    test('100 at once: one use creates one account, seven uses seven, and a username belongs to one account', async (t) => {
      const world = await openWorld(t, engine);
      const { knex } = world.database;
      const redeemAll = (people: Person[]) => atTheDatabase(world.storage.url, people);
      const invitations = invitationsOf(world, { issuer: 'http://127.0.0.1' });
      const count = async (table: string) => Number((await knex(table).count({ n: '*' }).first())?.n);
      const people = (name: string, code = '') =>
        Array.from({ length: PARALLEL }, (_, index) => ({ code, username: `${name}${index}` }));

      const [single] = await invitations.create(OPERATOR, {});
      const one = await redeemAll(people('one', single?.code));
      assert.deepEqual(one, { made: 1, invalid_input: 99 });

      const [seven] = await invitations.create(OPERATOR, { maxUses: 7 });
      const many = await redeemAll(people('seven', seven?.code));
      assert.deepEqual(many, { made: 7, invalid_input: 93 });

      const made = await invitations.create(OPERATOR, {}, PARALLEL);
      const name = await redeemAll(made.map(({ code }) => ({ code, username: 'mei' })));
      assert.deepEqual(name, { made: 1, conflict: 99 });

      assert.equal(Number((await knex('T_invitations').sum({ n: 'uses' }).first())?.n), 9);
      for (const table of ['T_accounts', 'T_credentials', 'T_invitation_redemptions'])
        assert.equal(await count(table), 9, table);
    });

    test('50 at once create one first administrator, with one set-up link or several', async (t) => {
      const world = await openWorld(t, engine);
      const invitations = invitationsOf(world, { issuer: 'http://127.0.0.1' });
      const code = async () =>
        new URL((await invitations.createSetUpLink(OPERATOR)).url).searchParams.get('code') as string;
      const earlier = await code();
      const link = await code();
      const people = Array.from({ length: 50 }, (_, index) => ({ code: link, username: `ada${index}` }));
      const ends = await atTheDatabase(world.storage.url, [...people, { code: earlier, username: 'grace' }]);
      assert.deepEqual(ends, { made: 1, invalid_input: 50 });
      const accounts = await world.database.knex('T_accounts').select('scopes');
      assert.deepEqual(accounts, [{ scopes: '["*:*"]' }]);
      await assert.rejects(invitations.createSetUpLink(OPERATOR), /has an administrator/);
    });

    test('10 forms sent at once to two servers create one account', async (t) => {
      const world = await openWorld(t, engine);
      const servers = [await world.start(), await world.start()];
      const [made] = await invitationsOf(world, servers[0] as ServerProcess).create(OPERATOR, {});
      const codes = Array.from({ length: 10 }, () => made?.code ?? '');
      const { isRepeated, ...statuses } = await sendAll(
        await offers(servers, codes),
        (index) => `mei${index}`,
      );
      // The form that created the account may have been answered 503, and is refused when it is sent again.
      const isLost = isRepeated && !('303' in statuses);
      assert.deepEqual(statuses, isLost ? { 400: 10 } : { 303: 1, 400: 9 });
      assert.equal((await world.database.knex('T_accounts')).length, 1);
    });

    test('killed in the middle: an invitation is unused, or its account is complete', async (t) => {
      // One that has run another server could have answered every form before the kill.
      const world = await openWorld(t, engine, { fresh: true });
      const server = await world.start();
      const invitations = invitationsOf(world, server);
      const { knex } = world.database;
      let whole = 0;
      for (let round = 0; round < rounds(1); round += 1) {
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
        const responses = await Promise.all(sent);
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
          if (responses[index]?.status === 303) assert.equal(n, 1, 'a confirmed sign-up is stored');
          whole += n;
        }
      }
      t.diagnostic(`${engine}: ${rounds(1)} kills, ${whole} of ${12 * rounds(1)} accounts were made`);
    });
  });
}
