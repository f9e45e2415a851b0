import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { blocksOf } from '../support/database-document.ts';

/** 84 MB, so it is not among our packages; .ci/run unpacks it in a temporary folder. */
const where = process.env.LATCHKEY_TEST_MERMAID;

/** In a process of its own, because Mermaid is large and other tests share this one. */
const PARSE = `
  const { default: mermaid } = await import(process.argv[1]);
  const types = [];
  for (const text of JSON.parse(process.argv[2])) types.push((await mermaid.parse(text)).diagramType);
  console.log(JSON.stringify(types));`;

describe('the diagrams of docs/DATABASE.md', () => {
  test("are read by Mermaid's own parser", (t) => {
    assert.ok(where || !process.env.CI, 'with CI=true mermaid must be installed');
    if (!where) return t.skip('set LATCHKEY_TEST_MERMAID to the mermaid.esm.min.mjs of mermaid');
    const diagrams = blocksOf('mermaid').map(({ body }) => body);
    const output = execFileSync(
      process.execPath,
      ['--input-type=module', '--eval', PARSE, where, JSON.stringify(diagrams)],
      { encoding: 'utf8' },
    );
    assert.deepEqual(
      JSON.parse(output),
      diagrams.map(() => 'er'),
    );
  });

  test('show each table in the overview and in its section, and each relation within a section', () => {
    const [whole, ...parts] = blocksOf('mermaid').map(({ body }) => body);
    const tables = (text = '') => [...text.matchAll(/^ {2}(T_\w+)(?: \{)?$/gm)].map(([, name]) => name);
    const lines = (text = '') =>
      [...text.matchAll(/^ {2}T_\w+ [|}{o.-]+ T_\w+ : \w+$/gm)].map(([line]) => line);
    assert.equal(parts.length, 7);
    assert.deepEqual(parts.flatMap(tables).toSorted(), tables(whole).toSorted());
    for (const line of parts.flatMap(lines)) assert.ok(whole?.includes(line), line);
    assert.ok(lines(whole).length > 30);
  });
});
