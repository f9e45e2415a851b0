import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';

const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
const shots = process.env.LATCHKEY_TEST_SHOTS;

/** The widths and colour schemes of the page tests: two pairs in the suite, every combination for screenshots. */
export const LOOKS = [320, 1280]
  .flatMap((width) =>
    (['light', 'dark'] as const).map((colorScheme) => ({
      width,
      colorScheme,
      of: `${width}-${colorScheme}`,
    })),
  )
  .filter(({ of }) => shots !== undefined || of === '320-dark' || of === '1280-light');

/** Finds headings in which one of these words is on two lines. Runs in the page. */
const BROKEN_WORDS = `[...document.querySelectorAll('h1, h2, h3')].flatMap((heading) => {
  const texts = document.createTreeWalker(heading, NodeFilter.SHOW_TEXT);
  const found = [];
  while (texts.nextNode()) {
    const node = texts.currentNode;
    for (const { 0: word, index } of node.data.matchAll(/sign-(in|out|up)|e-mail/gi)) {
      const range = new Range();
      range.setStart(node, index);
      range.setEnd(node, index + word.length);
      if (range.getClientRects().length > 1) found.push(heading.textContent);
    }
  }
  return found;
})`;

/** Checks a page with axe, for sideways scrolling and for broken words in headings; takes a screenshot if LATCHKEY_TEST_SHOTS names a folder. */
export async function audit(page: Page, name: string): Promise<void> {
  const found = (await page.evaluate(
    `${axe}; axe.run().then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html).join(' | ')))`,
  )) as string[];
  assert.deepEqual(found, [], name);
  const wide = await page.evaluate(
    'document.documentElement.scrollWidth > document.documentElement.clientWidth',
  );
  assert.equal(wide, false, `${name} scrolls sideways`);
  assert.deepEqual(await page.evaluate(BROKEN_WORDS), [], `${name} breaks a word of a heading`);
  if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
}
