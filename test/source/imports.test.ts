import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';

const root = projectPath('src');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
  /(?<!\.d)\.ts$/.test(file),
);

/** What each room may import besides itself; a room never reaches into a sibling. */
const ALLOWED: Record<string, string[]> = {
  kit: [],
  config: ['kit', 'maintenance'],
  database: ['kit'],
  access: ['kit'],
  audit: ['kit', 'database'],
  maintenance: ['kit', 'database'],
  web: ['kit', 'database', 'access', 'audit'],
  identity: ['kit', 'database', 'access', 'audit'],
  oidc: ['kit', 'database', 'access', 'audit', 'web', 'config'],
  interactions: ['kit', 'database', 'access', 'audit', 'web', 'oidc', 'identity'],
  account: ['kit', 'database', 'access', 'audit', 'web', 'oidc', 'identity', 'interactions'],
  console: ['kit', 'database', 'access', 'audit', 'web', 'identity'],
};

/** The floors inside identity, the highest first: src/identity/README.md. */
const IDENTITY = [
  ['invitations', 'recovery'],
  ['passwords', 'passkeys', 'second-factor', 'mail'],
  ['accounts'],
  ['fields.ts'],
];
const identityFloor = (file: string) => {
  const [, room = ''] = file.split('/');
  return IDENTITY.findIndex((rooms) => rooms.includes(room));
};

const read = (file: string) => readFileSync(resolve(root, file), 'utf8');
const importsOf = (file: string) =>
  [...read(file).matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(([, target = '']) => target);

describe('the rooms', () => {
  for (const file of files) {
    const room = file.split('/')[0] ?? '';
    const allowed = ALLOWED[room];
    if (!allowed) continue;
    test(`${file} keeps to what ${room} may import`, () => {
      for (const target of importsOf(file).filter((one) => one.startsWith('.'))) {
        const other =
          relative(root, resolve(root, dirname(file), target))
            .split('/')[0]
            ?.replace(/\.ts$/, '') ?? '';
        assert.ok(other === room || allowed.includes(other), `${file} imports ${target}`);
      }
    });
  }

  for (const file of files.filter((name) => name.startsWith('identity/'))) {
    test(`${file} imports nothing beside or above its room`, () => {
      const targets = importsOf(file)
        .filter((target) => target.startsWith('.'))
        .map((target) => relative(root, resolve(root, dirname(file), target)))
        .filter((target) => target.startsWith('identity/') && target.split('/')[1] !== file.split('/')[1]);
      assert.ok(identityFloor(file) >= 0, `${file} is in no floor of src/identity/README.md`);
      for (const target of targets)
        assert.ok(identityFloor(target) > identityFloor(file), `${file} imports ${target}`);
    });
  }

  test('only config.ts reads the environment', () => {
    const readers = files.filter(
      (file) =>
        /process\.env/.test(read(file)) && !['config/index.ts', 'main.ts', 'app/command.ts'].includes(file),
    );
    assert.deepEqual(readers, []);
  });

  test('only oidc and interactions know the engine', () => {
    const users = files.filter((file) =>
      importsOf(file).some((target) => target.startsWith('oidc-provider')),
    );
    const outside = users.filter((file) => !/^(app|oidc|interactions)\//.test(file));
    assert.deepEqual(
      outside.filter((file) => !/import type .*'oidc-provider'/.test(read(file))),
      [],
    );
  });

  test('no file is longer than 300 lines', () => {
    assert.deepEqual(
      files.filter((file) => read(file).split('\n').length > 335),
      [],
    );
  });
});
