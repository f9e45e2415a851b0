import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { strFromU8, unzipSync } from 'fflate';
import { Browser, formOf } from '../support/browser.ts';
import { signInWith } from '../support/builders/authorization.ts';
import { allow, connectKey, leaveFor } from '../support/builders/connections.ts';
import { CALENDARS, callerOf } from '../support/builders/proxied-calls.ts';
import { visit } from '../support/builders/signed-in.ts';
import { type EngineName, engines } from '../support/engines.ts';
import { dump, found } from '../support/rows.ts';
import { addGoogle, openServices } from '../support/upstream/connected.ts';
import { startGoogle } from '../support/upstream/google.ts';
import { startMotion } from '../support/upstream/motion.ts';
import { openWorld } from '../support/world.ts';

const PATH = '/account/connections';
const ENV = { LATCHKEY_ALLOW_PRIVATE_SERVICES: 'true', LATCHKEY_LOG_LEVEL: 'trace' };
const SCOPE = 'openid connections:google.read connections:motion.read';
const WRONG_KEY = 'motion-wrong-key-that-nobody-may-keep';

async function open(t: Parameters<typeof openWorld>[0], engine: EngineName) {
  const world = await openWorld(t, engine);
  const server = await world.start(ENV);
  const [google, motion] = [await startGoogle(t), await startMotion(t)];
  google.knobs.rotates = true;
  const services = openServices(world.database);
  await addGoogle(services, google);
  const named = { name: 'motion', baseUrl: motion.url, change: {} };
  await services.connections.services.add({ accountId: null }, named);
  const ada = await world.createAccount('ada');
  const scopes = JSON.stringify(['openid', 'connections:*', 'latchkey:connections.read']);
  await world.database.knex('T_accounts').update({ scopes });
  return { world, server, google, motion, services, ada };
}

for (const engine of engines)
  test(`no code, token, key or secret of a service is in a row, file, log, page or archive, on ${engine}`, async (t) => {
    const { world, server, google, motion, services, ada } = await open(t, engine);
    const { browser } = await visit(server, ada, PATH);
    const pages: Record<string, string> = {};
    const keep = async (name: string, page: Response) => {
      pages[name] = `${JSON.stringify([...page.headers])}${await page.text()}`;
      return page.status;
    };
    const { knobs } = google;
    const secretsOf = () => google.secrets.slice(-3);

    // A service that repeats what it got, in its error.
    const refused = await allow(await leaveFor(browser, 'google'));
    knobs.tokenFault = {
      status: 400,
      body: { error: 'invalid_grant', error_description: `not valid: ${secretsOf()} ${google.clientSecret}` },
    };
    assert.ok((await keep('code refused', await browser.follow(await browser.get(refused)))) >= 400);
    knobs.tokenFault = 'die';
    const broken = await allow(await leaveFor(browser, 'google'));
    await keep('answer broken off', await browser.follow(await browser.get(broken)));
    knobs.tokenFault = undefined;
    const back = await allow(await leaveFor(browser, 'google'));
    await keep('connected', await browser.follow(await browser.get(back)));
    assert.ok((await keep('returned twice', await browser.get(back))) >= 400);
    await keep('in another browser', await new Browser(server.issuer).get(`${back}&code=x`));

    await keep('wrong key', await connectKey(browser, 'motion', WRONG_KEY));
    await keep('key', await connectKey(browser, 'motion', motion.apiKey));

    const client = await world.createClient({ scope: SCOPE });
    const { tokens } = await signInWith(server, client, ada, { scope: SCOPE }, browser);
    const token = String(tokens.body.access_token);
    const call = callerOf(server, token);
    assert.equal(await keep('call', await call(CALENDARS)), 200);
    google.expireAccess();
    assert.equal(await keep('call after a refresh', await call(CALENDARS)), 200);
    for (const path of ['v1/error', 'v1/redirect', '../x']) await keep(path, await call(path));
    await keep('motion', await callerOf(server, token, 'motion')('v1/users/me'));
    motion.knobs.keys.clear();
    assert.equal(await keep('key revoked', await callerOf(server, token, 'motion')('v1/users/me')), 403);
    knobs.tokenFault = {
      status: 400,
      body: { error: 'invalid_grant', error_description: `ended: ${google.secrets.join(' ')}` },
    };
    google.expireAccess();
    assert.equal(await keep('refused in any case', await call('v1/unauthorized')), 403);
    assert.equal(await keep('grant ended', await call(CALENDARS)), 403);

    const { uid } = await world.database.knex('T_user_sessions').where({ account_id: ada.id }).first('uid');
    await services.accountData.requestArchive({ accountId: ada.id, sessionUid: uid, origin: {} });
    await services.background.drain(10_000);
    const zip = await services.accountData.read(ada.id);
    const archive = Object.entries(unzipSync(new Uint8Array(zip ?? [])));
    assert.ok(archive.length > 5);
    for (const [name, bytes] of archive) pages[`archive: ${name}`] = strFromU8(bytes);

    for (const path of [
      PATH,
      `${PATH}/google`,
      `${PATH}/motion`,
      '/account/activity',
      '/account/applications',
      '/admin/services',
      '/admin/services/google',
      '/metrics',
      '/healthz',
      '/readyz',
    ])
      await keep(path, await browser.get(path));
    const { action, fields } = await formOf(await browser.get(`${PATH}/google`));
    await keep('form', await browser.post(action, { ...fields, csrf: 'wrong' }));

    const secrets = new Map([...google.secrets, motion.apiKey, WRONG_KEY].map((one, at) => [`${at}`, one]));
    const requests = google.requests.map(({ body }) => new URLSearchParams(body));
    for (const name of ['code_verifier'])
      for (const [at, value] of requests.entries())
        if (value.has(name)) secrets.set(`${name} ${at}`, String(value.get(name)));
    assert.ok(secrets.size > 10, `${secrets.size}`);
    const rows = JSON.stringify(await dump(world.database));
    assert.match(rows, /"error_code":"revoked"/i, 'the failed refresh is in the tables');
    assert.deepEqual(found(rows, secrets), [], 'rows');
    await server.kill('SIGTERM');
    assert.match(server.output(), /connections\/google\/callback/, 'the log has the requests');
    assert.deepEqual(found(server.output(), secrets), [], 'log');
    for (const [name, text] of Object.entries(pages)) assert.deepEqual(found(text, secrets), [], name);
    if (engine === 'sqlite')
      for (const ending of ['', '-wal', '-shm']) {
        const file = `${world.storage.url.slice('sqlite:'.length)}${ending}`;
        if (existsSync(file)) assert.deepEqual(found(readFileSync(file, 'latin1'), secrets), [], file);
      }
    assert.deepEqual(found(JSON.stringify(await dump(world.database)), secrets), [], 'rows at the end');
  });
