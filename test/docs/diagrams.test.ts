import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { blocksOf } from '../support/database-document.ts';

interface Mermaid {
  parse(text: string): Promise<{ diagramType: string }>;
}

/** 150 MB with its dependencies, so it is not among our packages; .ci/run installs it in a temporary folder. */
const where = process.env.LATCHKEY_TEST_MERMAID ?? 'mermaid';

describe('the diagrams of docs/DATABASE.md', () => {
  let mermaid: Mermaid | undefined;
  before(async () => {
    mermaid = await import(where).then(
      (found) => found.default,
      () => undefined,
    );
  });

  test("are read by Mermaid's own parser", async (t) => {
    assert.ok(mermaid || !process.env.CI, 'with CI=true mermaid must be installed');
    if (!mermaid)
      return t.skip('mermaid is not installed; set LATCHKEY_TEST_MERMAID to its mermaid.core.mjs');
    const diagrams = blocksOf('mermaid');
    for (const { under, body } of diagrams) {
      const { diagramType } = await mermaid.parse(body);
      assert.equal(diagramType, 'er', under);
    }
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
