import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signInWith } from '../support/builders/authorization.ts';
import { CALENDARS, callerOf } from '../support/builders/proxied-calls.ts';
import { engines } from '../support/engines.ts';
import { dump, found } from '../support/rows.ts';
import { addGoogle, connectGoogle, openServices } from '../support/upstream/connected.ts';
import { startGoogle } from '../support/upstream/google.ts';
import { openWorld } from '../support/world.ts';

const SCOPE = 'https://www.googleapis.com/auth/calendar.readonly';
const ALLOW = { LATCHKEY_ALLOW_PRIVATE_SERVICES: 'true', LATCHKEY_LOG_LEVEL: 'trace' };

for (const engine of engines)
  test(`fifty calls with an expired token at two servers make one refresh, and no secret is written, on ${engine}`, async (t) => {
    const world = await openWorld(t, engine);
    const [first, second] = [await world.start(ALLOW), await world.start(ALLOW)];
    const google = await startGoogle(t);
    google.knobs.rotates = true;
    google.knobs.delay = 200;
    const services = openServices(world.database);
    await addGoogle(services, google);
    const ada = await world.createAccount('ada');
    await world.database.knex('T_accounts').update({ scopes: JSON.stringify(['openid', 'connections:*']) });
    const client = await world.createClient({ scope: 'openid connections:google.read' });
    const id = await connectGoogle(services.connections, google, ada, { scope: SCOPE, life: -1000 });
    const before = await services.connections.vault.open(id);
    const { tokens } = await signInWith(first, client, ada, { scope: 'openid connections:google.read' });
    const token = String(tokens.body.access_token);

    const calls = Array.from({ length: 50 }, (_, index) =>
      callerOf(index % 2 ? first : second, token)(CALENDARS),
    );
    const answers = await Promise.all(calls);
    for (const answer of answers) assert.equal(answer.status, 200, await answer.clone().text());
    for (const answer of answers) assert.match(await answer.text(), /"Tides"/);
    assert.equal(google.counts.refreshes, 1);

    google.knobs.tokenFault = { status: 400, body: { error: 'invalid_grant' } };
    google.expireAccess();
    const after = await services.connections.vault.open(id);
    const refused = await callerOf(second, token)(`${CALENDARS}?key=canary-in-a-query`);
    assert.equal(((await refused.json()) as { code: string }).code, 'needs_reconnect');
    const secrets = new Map([
      ['the secret of this server at the service', google.clientSecret],
      ['the token of the application', token],
      ['a query', 'canary-in-a-query'],
    ]);
    for (const credential of [before, after])
      for (const secret of [credential?.accessToken, credential?.refreshToken])
        secrets.set(`token ${secrets.size}`, String(secret));
    assert.deepEqual(found(JSON.stringify(await dump(world.database)), secrets), []);
    for (const server of [first, second]) {
      await server.kill('SIGTERM');
      assert.match(server.output(), /connections\/google\/proxy/);
      assert.deepEqual(found(server.output(), secrets), []);
    }
    assert.deepEqual(found(JSON.stringify(await dump(world.database)), secrets), []);
    const uses = await world.database.knex('T_sync_logs').where({ account_id: ada.id });
    assert.equal(uses.length, 51);
  });
