import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';

const root = projectPath('src');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file: `src/${file}`, text: readFileSync(`${root}/${file}`, 'utf8') }));

/** @returns every match as "file:line: the match" */
function findAll(pattern: RegExp): string[] {
  return files.flatMap(({ file, text }) =>
    [...text.matchAll(pattern)].map(({ 0: found, index }) => {
      const line = text.slice(0, index).split('\n').length;
      return `${file}:${line}: ${found.trim()}`;
    }),
  );
}

const assertNone = (found: string[]) => assert.ok(found.length === 0, `\n${found.join('\n')}`);

/** Verbs that say nothing without an object: `use(code)` may read it, redeem it or delete it. */
const BARE_VERBS = 'use|note|look|lookAt|go|at|of|tell|take|make|do|say';

describe('names', () => {
  test('of functions have an object beside the verb', () => {
    const declared = `(function |const |async |^ +#?)(${BARE_VERBS})(<[^>]*>)?`;
    const asFunction = String.raw`(\($|\((\w+\??|\{[^}]*\}): |\(\): |\([\w, ]*\) \{$| = (async )?\()`;
    assertNone(findAll(new RegExp(declared + asFunction, 'gm')));
  });

  test('of parameters say what they hold, such as `input` or `options`, and are never `given`', () => {
    assertNone(findAll(/[(,{] *given\b *[:,)}]|^ +given\??:|const given\b/gm));
  });

  test('of exported types are used once', () => {
    const places = new Map<string, string[]>();
    for (const { file, text } of files)
      for (const [, name = ''] of text.matchAll(/^export (?:interface|type|class) (\w+)/gm))
        places.set(name, [...(places.get(name) ?? []), file]);
    assertNone(
      [...places]
        .filter(([, where]) => where.length > 1)
        .map(([name, where]) => `${name}: ${where.join(', ')}`),
    );
  });
});

describe('object literals', () => {
  test('have their members written out, not spread from another literal', () => {
    assertNone(findAll(/\.\.\.\{.*/g));
  });
});
