import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';

const root = projectPath('src');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
  /(?<!\.d)\.ts$/.test(file),
);

/** The rooms, the highest floor first. A file imports from its own room and from lower floors. */
const FLOORS = [
  ['cli.ts'],
  ['main.ts'],
  ['app'],
  ['interactions', 'account', 'console'],
  ['identity', 'oidc', 'connections'],
  ['web', 'audit', 'maintenance'],
  ['access', 'database'],
  ['config'],
  ['kit'],
];

/** The floors inside the rooms that have rooms of their own. `*` stands for every file that is not named. */
const INNER_FLOORS: Record<string, string[][]> = {
  identity: [
    ['invitations', 'recovery', 'account-data'],
    ['passwords', 'passkeys', 'second-factor', 'sessions', 'mail'],
    ['accounts'],
    ['fields.ts', 'lockout-rule.ts'],
  ],
  oidc: [
    ['*'],
    ['clients', 'signing-keys', 'storage'],
    ['presets'],
    ['endpoints.ts', 'fixed-lifetimes.ts'],
    ['engine'],
  ],
  connections: [
    ['handout', 'report', 'sign-in'],
    ['proxy', 'sync', 'connect'],
    ['refresh'],
    ['vault'],
    ['services', 'log'],
    ['refusals.ts', 'refresh-times.ts'],
  ],
  web: [['*'], ['rate-limits'], ['ip-address.ts']],
  database: [
    ['*'],
    ['driver', 'documentation'],
    ['writes.ts'],
    ['statement-builders.ts'],
    ['instants.ts', 'time-limits.ts'],
  ],
};

const MAX_LINES = 250;
const MAX_ENTRY_LINES = 60;

const read = (file: string) => readFileSync(resolve(root, file), 'utf8');
const importsOf = (file: string) =>
  [...read(file).matchAll(/(?:from|import|import\()\s*'([^']+)'/g)].map(([, target = '']) => target);
/** The files in `src/` that a file imports, types included. */
const filesImportedBy = (file: string) =>
  importsOf(file)
    .filter((target) => target.startsWith('.'))
    .map((target) => relative(root, resolve(root, dirname(file), target)))
    .filter((target) => files.includes(target));

/** @returns the index of the floor, 0 for the highest, or -1 */
function floorOf(floors: string[][], name: string): number {
  const named = floors.findIndex((rooms) => rooms.includes(name));
  return named >= 0 ? named : floors.findIndex((rooms) => rooms.includes('*'));
}

/** Whether a room may import another: itself, a lower floor, or, for the unnamed files, each other. */
function mayImport(floors: string[][], from: string, to: string): boolean {
  const [start, end] = [floorOf(floors, from), floorOf(floors, to)];
  return from === to || end > start || (end === start && floors[start]?.[0] === '*');
}

/** @returns the first circle of imports as a path that ends where it begins */
function findCircle(): string[] | undefined {
  const done = new Set<string>();
  function walk(file: string, path: string[]): string[] | undefined {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const target of filesImportedBy(file)) {
      const circle = walk(target, [...path, file]);
      if (circle) return circle;
    }
    done.add(file);
    return undefined;
  }
  for (const file of files) {
    const circle = walk(file, []);
    if (circle) return circle;
  }
  return undefined;
}

describe('imports', () => {
  test('every file is in a room that has a floor', () => {
    const homeless = files.filter((file) => {
      const [room = '', inner = ''] = file.split('/');
      const floors = INNER_FLOORS[room];
      return floorOf(FLOORS, room) < 0 || (floors && floorOf(floors, inner) < 0);
    });
    assert.deepEqual(homeless, []);
  });

  test('lead from a room to a lower floor', () => {
    const wrong = files.flatMap((file) =>
      filesImportedBy(file)
        .filter((target) => !mayImport(FLOORS, file.split('/')[0] ?? '', target.split('/')[0] ?? ''))
        .map((target) => `${file} imports ${target}`),
    );
    assert.deepEqual(wrong, []);
  });

  for (const [room, floors] of Object.entries(INNER_FLOORS)) {
    test(`lead to a lower floor inside ${room}, too`, () => {
      const inside = (file: string) => file.startsWith(`${room}/`);
      const wrong = files.filter(inside).flatMap((file) =>
        filesImportedBy(file)
          .filter(inside)
          .filter((target) => !mayImport(floors, file.split('/')[1] ?? '', target.split('/')[1] ?? ''))
          .map((target) => `${file} imports ${target}`),
      );
      assert.deepEqual(wrong, []);
    });
  }

  test('form no circle', () => {
    assert.equal(findCircle()?.join(' → '), undefined);
  });

  test('only oidc and interactions use the engine; others know its types', () => {
    const users = files.filter((file) => /import (?!type )[^;]*from 'oidc-provider/.test(read(file)));
    assert.deepEqual(
      users.filter((file) => !/^(oidc|interactions)\//.test(file)),
      [],
    );
  });
});

/** What the server loads when it starts: the files, and the packages, that are reached without `import()`. */
function loadedAtStart(entry: string): { files: Set<string>; packages: Set<string> } {
  const loaded = { files: new Set([entry]), packages: new Set<string>() };
  for (const file of loaded.files) {
    const imports = read(file).matchAll(/^import (?!type )[^;]*?'([^']+)';/gm);
    for (const [, target = ''] of imports) {
      if (target.startsWith('.')) loaded.files.add(relative(root, resolve(root, dirname(file), target)));
      else loaded.packages.add(target);
    }
  }
  return loaded;
}

/** Together, these take 100 MB of memory and 0.5 s of start-up. A server on SQLite may need none of them for days. */
const LOADED_AT_FIRST_USE =
  /^(pg|mysql2|ioredis|nodemailer|qrcode|@simplewebauthn\/server.*|@zxcvbn-ts\/.*)$/;

describe('the server', () => {
  test('starts without the packages that few requests need', () => {
    const { files: started, packages } = loadedAtStart('main.ts');
    assert.ok(started.has('oidc/provider.ts') && packages.has('oidc-provider'));
    assert.deepEqual(
      [...packages].filter((name) => LOADED_AT_FIRST_USE.test(name)),
      [],
    );
  });
});

describe('source files', () => {
  test('only config/index.ts reads the environment', () => {
    assert.deepEqual(
      files.filter((file) => /process\.env/.test(read(file))),
      ['config/index.ts'],
    );
  });

  test(`have at most ${MAX_LINES} lines`, () => {
    const long = files.filter((file) => read(file).trimEnd().split('\n').length > MAX_LINES);
    assert.deepEqual(long, []);
  });

  test(`app/index.ts, which a newcomer reads first, has at most ${MAX_ENTRY_LINES} lines`, () => {
    assert.ok(read('app/index.ts').trimEnd().split('\n').length <= MAX_ENTRY_LINES);
  });
});
