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

/** Checks a page with axe and for sideways scrolling; takes a screenshot if LATCHKEY_TEST_SHOTS names a folder. */
export async function audit(page: Page, name: string): Promise<void> {
  const found = (await page.evaluate(
    `${axe}; axe.run().then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html).join(' | ')))`,
  )) as string[];
  assert.deepEqual(found, [], name);
  const wide = await page.evaluate(
    'document.documentElement.scrollWidth > document.documentElement.clientWidth',
  );
  assert.equal(wide, false, `${name} scrolls sideways`);
  if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
}
