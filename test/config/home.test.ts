import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { findHome, readDotEnv } from '../../src/config/home.ts';
import { ConfigError, loadConfig } from '../../src/config/index.ts';
import { findServiceLinks } from '../../src/config/service-links.ts';
import { projectPath } from '../../src/kit/project-root.ts';

const STRONG = 'c3VwZXJjYWxpZnJhZ2lsaXN0aWNleHBpYWxpZG9jaW91czEyMzQ1';
const temporary = () => mkdtempSync(join(tmpdir(), 'latchkey-'));
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

function faultsOf(env: NodeJS.ProcessEnv): string {
  try {
    loadConfig(env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  return '';
}

describe('the folder in which relative paths begin', () => {
  test('is the clone, whatever folder the command is run in', () => {
    assert.equal(findHome({}), projectPath('.'));
    assert.equal(
      loadConfig({ LATCHKEY_SECRETS: STRONG }).databaseUrl,
      `sqlite:${projectPath('data/latchkey.sqlite')}`,
    );
  });

  test('is the project in which the package is installed, by npm or by pnpm', () => {
    const project = temporary();
    writeFileSync(join(project, 'package.json'), '{}');
    for (const folder of ['node_modules/latchkey', 'node_modules/.pnpm/latchkey@1/node_modules/latchkey'])
      assert.equal(findHome({}, join(project, folder)), project);
    assert.equal(findHome({}, join(temporary(), 'node_modules/latchkey')), process.cwd(), 'global');
  });

  test('is LATCHKEY_HOME, for the database, the secrets and every file that a variable names', () => {
    const home = temporary();
    writeFileSync(join(home, 'key'), STRONG);
    const config = loadConfig({ LATCHKEY_HOME: home, LATCHKEY_SECRETS_FILE: 'key' });
    assert.deepEqual(config.secrets, [STRONG]);
    assert.equal(config.databaseUrl, `sqlite:${home}/data/latchkey.sqlite`);
    assert.deepEqual(readdirSync(home), ['key']);
    loadConfig({ LATCHKEY_HOME: home });
    assert.ok(statSync(join(home, 'data/secrets')).isFile());
    assert.match(faultsOf({ LATCHKEY_HOME: join(home, 'typo') }), /typo, which is not a folder/);
    assert.deepEqual(readdirSync(home).toSorted(), ['data', 'key']);
  });
});

test('.env cannot name the folder in which it is looked for', () => {
  const home = temporary();
  writeFileSync(join(home, '.env'), 'LATCHKEY_HOME=/elsewhere\nNODE_ENV=production\nLATCHKEY_PORT=4444\n');
  const [env, faults]: [NodeJS.ProcessEnv, string[]] = [{ LATCHKEY_PORT: '5555' }, []];
  readDotEnv(home, env, faults);
  assert.match(String(faults), /LATCHKEY_HOME cannot be set in .*\.env/);
  assert.deepEqual(env, { LATCHKEY_PORT: '5555', NODE_ENV: 'production' });
});

describe('data/secrets', () => {
  test('is made for this user alone, and a looser mode is mended with one notice', () => {
    const home = temporary();
    const env = { LATCHKEY_HOME: home };
    assert.deepEqual(loadConfig(env).notices, []);
    const file = join(home, 'data/secrets');
    assert.deepEqual([modeOf(file), modeOf(join(home, 'data'))], ['600', '700']);
    assert.deepEqual(readdirSync(join(home, 'data')), ['secrets']);
    chmodSync(file, 0o644);
    const { notices } = loadConfig(env);
    assert.equal(notices.length, 1);
    assert.match(String(notices[0]), /data\/secrets \(mode 0644\).*0600 now/);
    assert.equal(modeOf(file), '600');
    assert.deepEqual(loadConfig(env).notices, []);
  });

  for (const [what, text] of Object.entries({
    empty: '',
    'a newline': '\n',
    'cut short': 'c3VwZXJj\n',
    list: `${STRONG},`,
  }))
    test(`is refused in a sentence when it is ${what}`, () => {
      const home = temporary();
      mkdirSync(join(home, 'data'));
      writeFileSync(join(home, 'data/secrets'), text);
      assert.match(
        faultsOf({ LATCHKEY_HOME: home }),
        /data\/secrets is empty, cut short or not random.*Restore/,
      );
    });

  test('that cannot be read is one sentence', () => {
    const home = temporary();
    mkdirSync(join(home, 'data/secrets'), { recursive: true });
    assert.match(faultsOf({ LATCHKEY_HOME: home }), /data\/secrets cannot be read or written \(EISDIR\)/);
  });

  test('an empty file that LATCHKEY_SECRETS_FILE names is refused, not replaced by another secret', () => {
    const home = temporary();
    writeFileSync(join(home, 'key'), '\n');
    assert.match(
      faultsOf({ LATCHKEY_HOME: home, LATCHKEY_SECRETS_FILE: 'key' }),
      /names key, which is empty/,
    );
  });
});

describe('variables that Kubernetes sets for a Service', () => {
  const links = {
    LATCHKEY_PORT: 'tcp://10.96.12.7:3000',
    LATCHKEY_SERVICE_HOST: '10.96.12.7',
    LATCHKEY_SERVICE_PORT: '3000',
    LATCHKEY_SERVICE_PORT_HTTP: '3000',
    LATCHKEY_PORT_3000_TCP: 'tcp://10.96.12.7:3000',
    LATCHKEY_PORT_3000_TCP_PROTO: 'tcp',
    LATCHKEY_PORT_3000_TCP_PORT: '3000',
    LATCHKEY_PORT_3000_TCP_ADDR: '10.96.12.7',
    LATCHKEY_SMTP_SERVICE_HOST: '10.96.12.8',
    LATCHKEY_SMTP_PORT: 'tcp://10.96.12.8:25',
    LATCHKEY_SMTP_PORT_25_TCP_ADDR: '10.96.12.8',
  };

  test('are ignored with one notice, and settings beside them are not', () => {
    const config = loadConfig({ LATCHKEY_SECRETS: STRONG, ...links, LATCHKEY_ISUER: 'x' });
    assert.equal(config.port, 3000);
    assert.deepEqual(config.unknownVariables, ['LATCHKEY_ISUER']);
    assert.equal(config.notices.length, 1);
    for (const name of Object.keys(links))
      assert.match(String(config.notices[0]), new RegExp(`\\b${name}\\b`));
  });

  test('leave a port that the operator set, and a wrong one is refused', () => {
    const { LATCHKEY_PORT: _link, ...others } = links;
    assert.equal(loadConfig({ LATCHKEY_SECRETS: STRONG, ...others, LATCHKEY_PORT: '8080' }).port, 8080);
    assert.match(
      faultsOf({ LATCHKEY_SECRETS: STRONG, LATCHKEY_PORT: 'http://x' }),
      /LATCHKEY_PORT must be a whole/,
    );
    assert.deepEqual(findServiceLinks({ LATCHKEY_SMTP_URL: 'smtp://x', LATCHKEY_PORT: '3000' }), []);
  });
});

test('a value of the wrong form does not hide the other faults', () => {
  const message = faultsOf({
    NODE_ENV: 'production',
    LATCHKEY_PORT: ' ',
    LATCHKEY_TRUST_PROXY: 'maybe',
    LATCHKEY_SESSION_TTL: '1e3',
    LATCHKEY_ISSUER: 'http://id.example',
    LATCHKEY_DATABASE_URL: 'oracle:x',
    LATCHKEY_PASSKEY_ROOTS: '/nowhere',
    LATCHKEY_SMTP_URL: 'mail.example',
  });
  for (const name of [
    'PORT must',
    'TRUST_PROXY must',
    'SESSION_TTL must',
    'ISSUER must',
    'DATABASE_URL must',
    'PASSKEY_ROOTS names',
    'SMTP_URL must',
    'SECRETS must',
  ])
    assert.match(message, new RegExp(`LATCHKEY_${name}`));
  assert.equal(message.split('\n').length, 9, message);
  assert.doesNotMatch(message, /Invalid|expected|received/i);
});
