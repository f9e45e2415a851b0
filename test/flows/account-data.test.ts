import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { strFromU8, unzipSync } from 'fflate';
import { readSchema } from '../../scripts/database-docs/schema.ts';
import { LEFT_OUT, listPersonalTables } from '../../src/identity/account-data/tables.ts';
import { uuidv7 } from '../../src/kit/ids.ts';
import type { Browser } from '../support/browser.ts';
import { age, textOf, visit } from '../support/builders/signed-in.ts';
import { fill } from '../support/rows.ts';
import { startServer, type TestServer } from '../support/server.ts';

const PATH = '/account/data';
const OWNERS = ['account_id', 'created_by', 'redeemed_by'];

const unpack = (zip: Uint8Array): Record<string, string> =>
  Object.fromEntries(Object.entries(unzipSync(zip)).map(([name, bytes]) => [name, strFromU8(bytes)]));

describe('taking one’s data', () => {
  const ends: (() => unknown)[] = [];
  let server: TestServer;
  before(async () => {
    server = await startServer({ after: (end: unknown) => void ends.push(end as () => unknown) }, 'sqlite');
  });
  after(async () => {
    for (const end of ends) await end();
  });

  async function requestArchive(browser: Browser): Promise<void> {
    const html = await (await browser.get(PATH)).text();
    const csrf = new RegExp(`action="${PATH}">\\s*<input type="hidden" name="csrf" value="([^"]+)"`).exec(
      html,
    );
    const answer = await browser.post(PATH, { csrf: String(csrf?.[1]) });
    assert.equal(answer.headers.get('location'), `${PATH}?done=requested`);
  }
  async function download(browser: Browser): Promise<Record<string, string>> {
    const answer = await browser.get(`${PATH}/archive`);
    assert.equal(answer.headers.get('content-type'), 'application/zip');
    assert.match(answer.headers.get('content-disposition') ?? '', /^attachment; filename="your-data.zip"$/);
    return unpack(new Uint8Array(await answer.arrayBuffer()));
  }

  test('has a table for each one of the schema that names an account', async () => {
    const schema = await readSchema();
    const named = schema
      .filter(({ columns }) => columns.some(({ name }) => OWNERS.includes(name)))
      .map(({ name }) => name);
    const listed = listPersonalTables().map(({ name }) => name);
    assert.deepEqual([...listed, ...Object.keys(LEFT_OUT)].toSorted(), [...named, 'T_accounts'].toSorted());
    for (const table of listPersonalTables()) {
      const { columns = [] } = schema.find(({ name }) => name === table.name) ?? {};
      const stored = columns.map(({ name }) => name);
      const left = stored.filter((name) => !(name in table.columns));
      for (const name of left)
        assert.match(
          name,
          /_hash$|_sealed$|payload|token|secret|key|uid|sid|challenge|claims|authorizations|metadata/,
          `${table.name}.${name}`,
        );
    }
  });

  test('gives a zip with a row of every table, as JSON and to read, and no secret', async () => {
    const ada = await server.createAccount('ada');
    await visit(server, ada, PATH);
    const { knex } = server.database;
    const { uid } = await knex('T_user_sessions').where({ account_id: ada.id }).first('uid');
    for (const { name, owner } of listPersonalTables()) {
      if (await knex(name).where(owner, ada.id).first()) continue;
      const id = uuidv7();
      // What its foreign keys refer to.
      await fill(server.database, 'T_oauth_clients', { id });
      if (name !== 'T_invitations') await fill(server.database, 'T_invitations', { id });
      await knex(name).where({ id }).delete();
      const more = name === 'T_user_preferences' ? { settings: '{}' } : {};
      await fill(server.database, name, { id, [owner]: ada.id, ...more });
    }
    await knex('T_accounts').where({ id: ada.id }).update({ name: '<b>Ada</b> & Co' });
    // The rows above are factors, too, so the page would ask for one.
    const owner = { accountId: ada.id, sessionUid: String(uid), origin: {} };
    await server.services.accountData.requestArchive(owner);
    await server.settled();
    const zip = await server.services.accountData.read(ada.id);
    const files = unpack(new Uint8Array(zip ?? []));
    for (const { title } of listPersonalTables()) {
      const rows = JSON.parse(files[`data/${title}.json`] ?? 'null');
      assert.ok(Array.isArray(rows) && rows.length > 0, title);
    }
    const html = files['index.html'] ?? '';
    assert.match(html, /<dd>&lt;b&gt;Ada&lt;\/b&gt; &amp; Co<\/dd>/);
    assert.doesNotMatch(html, /<script|<b>Ada/);
    const stored = await knex('T_credentials').where({ account_id: ada.id }).first('password_hash');
    const session = await knex('T_user_sessions').where({ account_id: ada.id }).first('token_hash', 'uid');
    for (const secret of [stored.password_hash, session.token_hash])
      for (const [name, text] of Object.entries(files)) assert.ok(!text.includes(secret), name);
    const [account] = JSON.parse(files['data/accounts.json'] ?? '[]');
    assert.deepEqual([account.username, account.is_active], ['ada', true]);
  });

  test('has nothing of another account, asks for a recent sign-in, and expires', async () => {
    const mei = await server.createAccount('mei');
    const { browser } = await visit(server, mei, PATH);
    assert.equal((await browser.get(`${PATH}/archive`)).headers.get('location'), PATH);
    await requestArchive(browser);
    const waiting = await browser.get(PATH);
    assert.match(await textOf(waiting), /\d+ of \d+ parts are done/);
    assert.equal(waiting.headers.get('refresh'), '3');
    await server.settled();
    assert.match(await textOf(await browser.get(PATH)), /Download your data/);
    const files = await download(browser);
    assert.ok(!Object.values(files).some((text) => text.includes('ada@harbour.example')));
    await age(server);
    assert.match(
      (await browser.get(`${PATH}/archive`)).headers.get('location') ?? '',
      /^\/auth.*max_age=300/,
    );
    const fresh = await visit(server, mei, PATH);
    await server.database.knex('T_account_archives').update({ expires_at: new Date(Date.now() - 1000) });
    assert.equal((await fresh.browser.get(`${PATH}/archive`)).headers.get('location'), PATH);
    assert.doesNotMatch(await textOf(await fresh.browser.get(PATH)), /Download/);
  });

  test('is made by another server when the first one ends, and given up after three attempts', async () => {
    const bo = await server.createAccount('bo');
    const { browser } = await visit(server, bo, PATH);
    const { knex } = server.database;
    const request = (more: object) =>
      fill(server.database, 'T_account_archives', {
        id: uuidv7(),
        account_id: bo.id,
        status: 'waiting',
        attempts: 1,
        expires_at: new Date(Date.now() + 60_000),
        ...more,
      });
    await request({ lease_until: new Date(Date.now() + 60_000) });
    assert.equal(await server.services.accountData.makeArchives(), 0, 'it is being made elsewhere');
    await knex('T_account_archives')
      .where({ account_id: bo.id })
      .update({ lease_until: new Date(0) });
    assert.equal(await server.services.accountData.makeArchives(), 1);
    await knex('T_account_archives').where({ account_id: bo.id }).delete();
    await request({ attempts: 3 });
    assert.equal(await server.services.accountData.makeArchives(), 0);
    assert.match(await textOf(await browser.get(PATH)), /The file could not be made/);
  });
});
