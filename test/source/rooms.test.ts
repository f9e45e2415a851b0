import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describe, test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';

const MAX_README_LINES = 25;

const files = readdirSync(projectPath('src'), { recursive: true, encoding: 'utf8' });
/** Every folder of `src/` with source files: `web`, `web/rate-limits`, … */
const rooms = [...new Set(files.filter((file) => file.endsWith('.ts')).map(dirname))].filter(
  (room) => room !== '.',
);

describe('every room', () => {
  test('has a README that can be read in a minute', () => {
    const faults = rooms.filter((room) => {
      if (!files.includes(`${room}/README.md`)) return true;
      return readFileSync(projectPath(`src/${room}/README.md`), 'utf8').split('\n').length > MAX_README_LINES;
    });
    assert.deepEqual(faults, []);
  });

  test('is linked in docs/ARCHITECTURE.md', () => {
    const text = readFileSync(projectPath('docs/ARCHITECTURE.md'), 'utf8');
    assert.deepEqual(
      rooms.filter((room) => !text.includes(`(../src/${room}/README.md)`)),
      [],
    );
  });

  test('has a README that names each of its files', () => {
    const unnamed = files
      .filter((file) => file.endsWith('.ts') && dirname(file) !== '.')
      .filter((file) => {
        const text = readFileSync(projectPath(`src/${dirname(file)}/README.md`), 'utf8');
        const name = basename(file);
        return ![name, name.replace(/\.ts$/, '')].some((one) => text.includes(`\`${one}\``));
      });
    assert.deepEqual(unnamed, []);
  });

  test('has a README that names only files that are there', () => {
    const wrong = rooms
      .filter((room) => files.includes(`${room}/README.md`))
      .flatMap((room) => {
        const text = readFileSync(projectPath(`src/${room}/README.md`), 'utf8');
        return [...text.matchAll(/`([a-z-]+(?:\/[a-z-]+)*\.ts)`/g)]
          .map(([, name = '']) => name)
          .filter((name) => !files.some((file) => `/${file}`.endsWith(`/${name}`)))
          .map((name) => `src/${room}/README.md names ${name}`);
      });
    assert.deepEqual(wrong, []);
  });
});
