import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import { migrateLatest } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/open.ts';
import { Browser } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  redeem,
  refresh,
  signInWith,
  walk,
} from '../support/builders/authorization.ts';
import { missingForCluster, startCluster } from '../support/cluster.ts';
import { engines } from '../support/engines.ts';
import { openWorld, rounds } from '../support/world.ts';

const missing = missingForCluster();
const skip = engines.includes('mariadb')
  ? missing !== undefined && process.env.CI !== 'true' && `apt-get install ${missing}`
  : 'MariaDB is not tested';

test('on a Galera cluster, what one member has stored is found through the others', { skip }, async (t) => {
  const members = await startCluster(t, 3);
  const [first] = members;
  const connection = await mysql.createConnection({ uri: String(first?.url) });
  await connection.query('CREATE DATABASE latchkey');
  await connection.end();
  const urls = members.map(({ url }) => url.replace('/mysql', '/latchkey').replace('mysql:', 'mariadb:'));
  const [url = ''] = urls;
  const database = openDatabase(url, 2);
  await migrateLatest(database, url);
  await database.close();
  const storage = { url, engine: 'mariadb' as const, drop: async () => {} };
  const world = await openWorld(t, 'mariadb', { storage });
  const servers = await Promise.all(
    urls.map((LATCHKEY_DATABASE_URL) => world.start({ LATCHKEY_DATABASE_URL, LATCHKEY_LOG_LEVEL: 'info' })),
  );
  const at = (index: number) => servers[index % servers.length] ?? assert.fail();
  const client = await world.createClient({ firstParty: true });
  const person = await world.createAccount();
  const { browser } = await signInWith(at(0), client, person);

  async function canSignIn(): Promise<boolean> {
    const page = await walk(new Browser(at(0).issuer), authorization(client), person);
    return page.headers.has('location');
  }

  for (let round = 0; round < rounds(5); round += 1) {
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const request = authorization(client, { prompt: 'none' });
        const answer = answerOf(await walk(browser, request, person));
        const tokens = await redeem(at(index + 1), client, request, answer.get('code'));
        assert.equal(tokens.status, 200, `code: ${JSON.stringify(tokens.body)}`);
        const next = await refresh(at(index + 2), client, tokens.body.refresh_token);
        assert.equal(next.status, 200, `refresh token: ${JSON.stringify(next.body)}`);
        const info = await fetch(`${at(index).issuer}/me`, {
          headers: { authorization: `Bearer ${next.body.access_token}` },
        });
        assert.equal(info.status, 200);
      }),
    );
  }

  await t.test('one code at two members at once gives one set of tokens', async () => {
    for (let round = 0; round < rounds(5); round += 1) {
      const request = authorization(client, { prompt: 'none' });
      const code = answerOf(await walk(browser, request, person)).get('code');
      const answers = await Promise.all(
        [0, 1, 2, 0, 1, 2].map((index) => redeem(at(index), client, request, code)),
      );
      const won = answers.filter(({ status }) => status === 200).length;
      assert.ok(won <= 1, `${won} of them got tokens`);
      for (const { status, body } of answers) assert.ok(status !== 500, JSON.stringify(body));
    }
  });

  assert.match(at(0).output(), /Galera cluster of 3/);

  await t.test('when a member dies, its server says so, and the others go on', async () => {
    await members[2]?.stop();
    // The others wait until they are sure that it is gone.
    const began = performance.now();
    while (!(await canSignIn())) {
      assert.ok(performance.now() - began < 20_000, 'people can sign in again');
      await sleep(200);
    }
    assert.equal((await fetch(`${at(2).issuer}/readyz`)).status, 503);
  });
});
