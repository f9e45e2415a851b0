import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redeem, refresh, signInWith } from '../support/builders/authorization.ts';
import { engines } from '../support/engines.ts';
import { isPoolerInstalled, startPooler } from '../support/pooler.ts';
import { openWorld } from '../support/world.ts';

const skip = engines.includes('postgres')
  ? !isPoolerInstalled() && process.env.CI !== 'true' && 'apt-get install pgbouncer'
  : 'PostgreSQL is not tested';

test('behind PgBouncer in transaction mode, twenty people sign in at once and refresh', {
  skip,
}, async (t) => {
  const world = await openWorld(t, 'postgres');
  const url = await startPooler(t, world.storage.url);
  const server = await world.start({ LATCHKEY_DATABASE_URL: url, LATCHKEY_DATABASE_POOL: '5' });
  const client = await world.createClient({ firstParty: true });
  const people = await Promise.all(
    Array.from({ length: 20 }, (_, index) => world.createAccount(`person${index}`)),
  );
  const flows = await Promise.all(people.map((person) => signInWith(server, client, person)));
  for (const { tokens } of flows) assert.equal(tokens.status, 200, JSON.stringify(tokens.body));
  const refreshed = await Promise.all(
    flows.map(({ tokens }) => refresh(server, client, String(tokens.body.refresh_token))),
  );
  for (const answer of refreshed) assert.equal(answer.status, 200, JSON.stringify(answer.body));
  // A code that was used is refused: the guard in the database holds through the pooler too.
  const [{ request, answer }] = flows as [(typeof flows)[0]];
  assert.equal((await redeem(server, client, request, answer.get('code'))).status, 400);
  assert.equal((await fetch(`${server.issuer}/readyz`)).status, 200);
});
