import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { latchkey } from '../support/command.ts';
import { createMigratedDatabase, SECRETS } from '../support/databases.ts';
import { engines, serverUrl } from '../support/engines.ts';
import { runToExit } from '../support/world.ts';

const PRODUCTION = { NODE_ENV: 'production', LATCHKEY_ISSUER: 'https://id.harbour.test' };
const temporary = () => mkdtempSync(join(tmpdir(), 'latchkey-'));

/** The server and the command both fail with one line. */
async function assertFault(url: string, expected: RegExp): Promise<void> {
  const env = { LATCHKEY_DATABASE_URL: url, LATCHKEY_SECRETS: SECRETS.join(), LATCHKEY_PORT: '0' };
  const { code, output } = await runToExit(env);
  assert.match(output, expected);
  assert.deepEqual([code, output.trim().split('\n').length], [1, 1], output);
  const command = await latchkey(['account', 'list', '--json'], { url });
  assert.match(command.stderr, expected);
  assert.deepEqual([command.code, command.stdout, command.stderr.trim().split('\n').length], [1, '', 1]);
}

describe('a fault of the database at the start is one line with its cause and remedy', () => {
  test('on sqlite', async () => {
    const folder = temporary();
    writeFileSync(
      join(folder, 'text'),
      'This is not a database, but a text that somebody wrote.\n'.repeat(99),
    );
    mkdirSync(join(folder, 'folder'));
    await assertFault(
      `sqlite:${folder}/folder`,
      /The database \/.*\/folder is a folder\. Set LATCHKEY_DATABASE_URL/,
    );
    await assertFault(
      `sqlite:${folder}/text`,
      /\/text is not a SQLite database, or it is damaged\. Restore a backup/,
    );
    for (const name of ['folder', 'text'])
      assert.notEqual(statSync(join(folder, name)).mode & 0o044, 0, 'the mode of what is not ours stays');
    await assertFault(`sqlite:${folder}/text/id.sqlite`, /is below a file that is no folder\. Correct/);
  });

  for (const engine of engines.filter((one) => one !== 'sqlite'))
    test(`on ${engine}`, async () => {
      const url = serverUrl(engine);
      url.pathname = '/no_such_database';
      await assertFault(
        url.href,
        /The database \w+:\/\/127.*\/no_such_database does not exist\. Create it with CREATE/,
      );
      url.host = 'no-such-host.invalid';
      await assertFault(url.href, /is on an unknown host\. Correct|cannot be looked up now/);
      url.host = '127.0.0.1:1';
      await assertFault(url.href, /does not answer: nothing listens there\. Start the database/);
      const stranger = serverUrl(engine);
      [stranger.username, stranger.password] = ['nobody_at_all', 'hunter2'];
      await assertFault(stranger.href, /does not accept this user and password\. Correct them/);
    });

  test('or of the address and port to listen on', async (t) => {
    const { url, drop } = await createMigratedDatabase('sqlite');
    const other = createServer();
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    t.after(() => {
      other.close();
      return drop();
    });
    const { port } = other.address() as { port: number };
    const env = { LATCHKEY_DATABASE_URL: url, LATCHKEY_SECRETS: SECRETS.join() };
    const used = await runToExit({ ...env, LATCHKEY_PORT: String(port) });
    assert.match(
      used.output,
      new RegExp(`^The port is in use\\. Set LATCHKEY_PORT to another one than ${port}\\.\\n$`),
    );
    const foreign = await runToExit({ ...env, LATCHKEY_PORT: '0', LATCHKEY_HOST: '203.0.113.9' });
    assert.match(foreign.output, /^This machine has no address 203\.0\.113\.9\. Set LATCHKEY_HOST[^\n]*\n$/);
  });
});

test('in production a wrong path of a SQLite file makes no file and no folder, but for db migrate', async () => {
  const folder = temporary();
  const url = `sqlite:${folder}/typo/id.sqlite`;
  const server = await runToExit({
    ...PRODUCTION,
    LATCHKEY_DATABASE_URL: url,
    LATCHKEY_SECRETS: SECRETS.join(),
  });
  assert.equal(server.code, 1);
  assert.match(server.output, /There is no database at .*\/typo\/id\.sqlite\..*Run: npx latchkey db migrate/);
  for (const args of ['account list', 'db status', 'db rollback --yes', 'doctor']) {
    const { code, stderr } = await latchkey(args.split(' '), { url, env: PRODUCTION });
    assert.deepEqual([code, existsSync(join(folder, 'typo'))], [1, false], args);
    assert.match(stderr, /There is no database at/);
  }
  assert.equal((await latchkey(['db', 'migrate'], { url, env: PRODUCTION })).code, 0);
  assert.equal((await latchkey(['db', 'status'], { url, env: PRODUCTION })).code, 0);
});
