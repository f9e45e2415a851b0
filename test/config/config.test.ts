import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ConfigError, loadConfig } from '../../src/config/index.ts';
import { variables } from '../../src/config/settings.ts';
import { projectPath } from '../../src/kit/project-root.ts';

const STRONG = 'c3VwZXJjYWxpZnJhZ2lsaXN0aWNleHBpYWxpZG9jaW91czEyMzQ1';
const production = {
  NODE_ENV: 'production',
  LATCHKEY_ISSUER: 'https://id.harbour.example',
  LATCHKEY_SECRETS: STRONG,
};

function faultsOf(env: NodeJS.ProcessEnv): string {
  try {
    loadConfig(env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  return '';
}

describe('configuration', () => {
  test('a complete production configuration is accepted', () => {
    const config = loadConfig(production);
    assert.equal(config.production, true);
    assert.deepEqual(config.secrets, [STRONG]);
  });

  test('one message names every fault and its remedy', () => {
    const message = faultsOf({
      NODE_ENV: 'production',
      LATCHKEY_ISSUER: 'http://id.example',
      LATCHKEY_DATABASE_URL: 'oracle:x',
    });
    for (const word of [
      'https URL in production',
      'LATCHKEY_DATABASE_URL',
      'LATCHKEY_SECRETS must be set',
      'openssl rand',
    ]) {
      assert.match(message, new RegExp(word));
    }
  });

  for (const [what, secret] of Object.entries({
    short: 'abc',
    repeated: 'a'.repeat(64),
    default: `change-me-${STRONG}`,
  })) {
    test(`production does not start with a ${what} secret`, () => {
      assert.match(faultsOf({ ...production, LATCHKEY_SECRETS: secret }), /LATCHKEY_SECRETS, value 1, must/);
    });
  }

  test('authenticator models need the certificates of their manufacturers, and files are read at the start', () => {
    const LATCHKEY_PASSKEY_AAGUIDS = '2fc0579f-8113-47ea-b116-bb5a8db9202a';
    assert.match(faultsOf({ ...production, LATCHKEY_PASSKEY_AAGUIDS }), /needs LATCHKEY_PASSKEY_ROOTS/);
    const file = join(mkdtempSync(join(tmpdir(), 'latchkey-')), 'roots.pem');
    for (const text of ['', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----']) {
      writeFileSync(file, text);
      const env = { ...production, LATCHKEY_PASSKEY_AAGUIDS, LATCHKEY_PASSKEY_ROOTS: file };
      assert.match(faultsOf(env), /LATCHKEY_PASSKEY_ROOTS names .*roots\.pem, which cannot be read/);
    }
    assert.match(
      faultsOf({ ...production, LATCHKEY_PASSKEY_NAMES: '/nowhere' }),
      /LATCHKEY_PASSKEY_NAMES names/,
    );
  });

  test('LATCHKEY_RETENTION is days by table, and names tables whose rows expire', () => {
    const kept = 'T_auth_audit_log=365, T_user_sessions=7';
    assert.deepEqual(loadConfig({ ...production, LATCHKEY_RETENTION: kept }).retention, {
      T_auth_audit_log: 365,
      T_user_sessions: 7,
    });
    for (const wrong of ['T_user_sessions', 'T_user_sessions=-1', 'T_user_sessions=soon'])
      assert.ok(faultsOf({ ...production, LATCHKEY_RETENTION: wrong }).includes(`"${wrong}" is not`));
    assert.match(faultsOf({ ...production, LATCHKEY_RETENTION: 'T_accounts=1' }), /T_accounts is not one/);
  });

  test('no message contains a secret', () => {
    const secret = 'hunter2hunter2hunter2hunter2hunter2hunter2';
    assert.ok(!faultsOf({ ...production, LATCHKEY_SECRETS: secret }).includes(secret));
  });

  test('the default issuer has the port of the server', () => {
    const issuerAt = (port: string) => loadConfig({ LATCHKEY_SECRETS: STRONG, LATCHKEY_PORT: port }).issuer;
    assert.equal(issuerAt('8080'), 'http://localhost:8080');
    assert.equal(issuerAt('0'), 'http://localhost:3000');
    assert.equal(loadConfig({ LATCHKEY_SECRETS: STRONG }).issuer, 'http://localhost:3000');
  });

  for (const issuer of [
    'id.example',
    'https://id.example/',
    'https://id.example/path/',
    'https://id.example/a?b',
    'https://id.example/auth',
    'ftp://id.example',
    'http://id.example',
  ]) {
    test(`the issuer ${issuer} is rejected`, () => {
      assert.match(faultsOf({ LATCHKEY_SECRETS: STRONG, LATCHKEY_ISSUER: issuer }), /LATCHKEY_ISSUER/);
    });
  }

  for (const [name, value] of Object.entries({
    LATCHKEY_PORT: '70000',
    LATCHKEY_TRUST_PROXY: 'maybe',
    LATCHKEY_LOG_LEVEL: 'loud',
    LATCHKEY_PASSWORD_MIN_LENGTH: '7',
    LATCHKEY_REDIS_URL: 'http://127.0.0.1',
  })) {
    test(`${name}=${value} is rejected with its name and value`, () => {
      const faults = faultsOf({ ...production, [name]: value });
      assert.match(faults, new RegExp(`${name} must`));
      if (name !== 'LATCHKEY_REDIS_URL') assert.ok(faults.includes(value));
    });
  }

  test('a misspelt variable is listed', () => {
    assert.deepEqual(loadConfig({ ...production, LATCHKEY_ISUER: 'x' }).unknownVariables, ['LATCHKEY_ISUER']);
  });

  test('a value comes from the variable or from a file, not from both', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'latchkey-config-')), 'secrets');
    writeFileSync(file, `${STRONG}\n`);
    const { LATCHKEY_SECRETS, ...rest } = production;
    assert.deepEqual(loadConfig({ ...rest, LATCHKEY_SECRETS_FILE: file }).secrets, [STRONG]);
    assert.match(faultsOf({ ...production, LATCHKEY_SECRETS_FILE: file }), /cannot both be set/);
    assert.match(faultsOf({ ...rest, LATCHKEY_SECRETS_FILE: '/nowhere' }), /cannot be read/);
  });

  test('.env.example names every variable, and no other', () => {
    const example = readFileSync(projectPath('.env.example'), 'utf8');
    const named = [...example.matchAll(/^#?(LATCHKEY_\w+)=/gm)].map(([, name]) => name);
    assert.deepEqual(named.sort(), Object.keys(variables.shape).sort());
  });
});
