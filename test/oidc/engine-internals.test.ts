import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Provider } from 'oidc-provider';
import { projectPath } from '../../src/kit/project-root.ts';
import { checkEngine } from '../../src/oidc/engine/internals.ts';

const source = projectPath('src');
const others = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.startsWith('oidc/engine/'),
);

/** Signs that a file uses internals of the engine: its modules, its prototypes, its messages. */
const SIGNS = [
  /oidc-provider\/lib/,
  /\bprovider\.\w+\.prototype|\bmodel\.prototype/,
  /\b(generateTokenId|resetIdentifier|compareClientSecret|requestParamOIDCScopes'|OIDCContext'?\.)/,
  /already (consumed|used)'|xsrf token|logout details|Submitting Callback|client authentication mechanism/,
];

describe('the internals of oidc-provider', () => {
  test('are searched for in the source', () => assert.ok(others.includes('oidc/provider.ts')));

  for (const sign of SIGNS) {
    test(`matching ${sign} are used in oidc/engine only`, () => {
      const users = others.filter((file) => sign.test(readFileSync(join(source, file), 'utf8')));
      assert.deepEqual(users, []);
    });
  }

  test('all exist in the installed version', () => {
    assert.doesNotThrow(() => checkEngine(new Provider('https://id.example.com')));
  });

  test('that are missing stop the start with one sentence that names the version of oidc-provider', () => {
    const provider = new Provider('https://id.example.com');
    const changed = { OIDCContext: provider.OIDCContext, AccessToken: { prototype: {} } };
    assert.throws(() => checkEngine(changed), {
      message:
        /^Latchkey does not work with oidc-provider \d+\.\d+\.\d+, which lacks "AccessToken\.prototype\.save"\. /,
    });
  });
});
