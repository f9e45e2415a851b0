import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ConfigError, loadConfig } from '../../src/config/index.ts';
import { readConnectionUrl } from '../../src/kit/connection-url-tls.ts';

const LATCHKEY_SECRETS = 'c3VwZXJjYWxpZnJhZ2lsaXN0aWNleHBpYWxpZG9jaW91czEyMzQ1';

function faultsOf(env: NodeJS.ProcessEnv): string {
  try {
    loadConfig({ LATCHKEY_SECRETS, ...env });
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  return '';
}

test('an option of a URL that no driver knows is refused, on every engine and for Redis and mail', () => {
  for (const [name, url, option] of [
    ['LATCHKEY_DATABASE_URL', 'mysql://u:hunter2@db/latchkey?ssl-mode=REQUIRED', 'ssl-mode'],
    ['LATCHKEY_DATABASE_URL', 'mariadb://u:hunter2@db/latchkey?ssl={"rejectUnauthorized":false}', 'ssl'],
    ['LATCHKEY_DATABASE_URL', 'postgres://u:hunter2@db/latchkey?ssl=true', 'ssl'],
    ['LATCHKEY_DATABASE_URL', 'postgresql://u:hunter2@db/latchkey?SSLMODE=require', 'SSLMODE'],
    ['LATCHKEY_SMTP_URL', 'smtp://u:hunter2@mail/?tls.rejectUnauthorized=false', 'tls.rejectUnauthorized'],
    ['LATCHKEY_REDIS_URL', 'rediss://:hunter2@cache:6379/0?tls=off', 'tls'],
  ] as const) {
    const message = faultsOf({ [name]: url });
    assert.match(message, new RegExp(`${name} has the unknown option ${option}\\. .*sslmode=require`), url);
    assert.ok(!message.includes('hunter2'));
  }
  assert.match(faultsOf({ LATCHKEY_DATABASE_URL: 'sqlite:data/x.sqlite?mode=ro' }), /can have no options/);
});

test('a wrong sslmode, a file that is missing, and a URL that cannot be parsed are refused in words', () => {
  const url = 'postgres://u:hunter2@db/latchkey';
  for (const [text, expected] of [
    [
      `${url}?sslmode=REQUIRED`,
      /must have an sslmode of disable, require, verify-ca, verify-full\. "REQUIRED"/,
    ],
    [`${url}?sslmode=prefer`, /must have an sslmode/],
    [`${url}?sslmode=require&sslmode=disable`, /the option sslmode more than once/],
    [`${url}?sslrootcert=/nowhere.pem`, /names the file \/nowhere\.pem, which cannot be read \(ENOENT\)/],
    ['postgres://u:hun#ter2@db/latchkey', /encode each special character|contains a "#"/],
    ['mysql://u@db:port/latchkey', /is not a URL/],
    ['mysql://u@10.0.0.7/latchkey?sslmode=verify-full', /needs a host name for sslmode=verify-full/],
  ] as const) {
    const message = faultsOf({ LATCHKEY_DATABASE_URL: text });
    assert.match(message, expected);
    assert.doesNotMatch(message, /hun.?ter2/);
  }
});

test('TLS has one spelling, and its files are found from the home folder', () => {
  const home = mkdtempSync(join(tmpdir(), 'latchkey-'));
  writeFileSync(join(home, 'ca.pem'), 'PEM');
  for (const scheme of ['postgres', 'mysql', 'mariadb']) {
    const LATCHKEY_DATABASE_URL = `${scheme}://u@db.internal/latchkey?sslmode=verify-full&sslrootcert=ca.pem`;
    const { databaseUrl } = loadConfig({ LATCHKEY_SECRETS, LATCHKEY_HOME: home, LATCHKEY_DATABASE_URL });
    const { url, tls, verifiesHost } = readConnectionUrl(databaseUrl);
    assert.equal(url, `${scheme}://u@db.internal/latchkey`);
    assert.ok(tls);
    assert.deepEqual([tls.ca, tls.rejectUnauthorized, verifiesHost], ['PEM', true, true]);
  }
  const plain = readConnectionUrl('postgres://u@/latchkey?host=/run/postgresql');
  assert.deepEqual([plain.url, plain.tls], ['postgres://u@/latchkey?host=%2Frun%2Fpostgresql', undefined]);
  assert.equal(readConnectionUrl('mysql://u@db/latchkey?sslmode=disable').tls, false);
});
