import assert from 'node:assert/strict';
import { type EngineName, engines } from './engines.ts';

/** How many pairs are compared: a few hundred in the suite, LATCHKEY_TEST_PAIRS=10000 by hand. */
export const pairs = (inSuite: number) => Number(process.env.LATCHKEY_TEST_PAIRS ?? inSuite);

/** On SQLite in the suite; on each engine of LATCHKEY_TEST_ENGINES by hand. */
export const compared: EngineName[] = process.env.LATCHKEY_TEST_PAIRS ? engines : ['sqlite'];

/**
 * Times interleaved pairs, each kind first in every other pair, and applies the sign test. If both kinds take equally
 * long, the share of pairs in which the first took longer is 0.5 with a standard error of 0.5/√n. Allowed are 3.5
 * standard errors and one percentage point: 0.4725 to 0.5275 for 10,000 pairs. In the suite, other tests take turns
 * with this one on the same processors, and the times of neighbouring pairs are alike: 6.5 are allowed there, which
 * still finds work that is left out. Hashes are cheap in these tests (cheap-hashes.ts), because the noise of real ones
 * would hide differences in the rest of the work.
 * @param attempts one request of each kind, which resolves to the milliseconds it took
 * @returns a sentence with the statistic
 */
export async function alike(
  count: number,
  attempts: [(pair: number) => Promise<number>, (pair: number) => Promise<number>],
): Promise<string> {
  const times: [number[], number[]] = [[], []];
  let longer = 0;
  for (let pair = 0; pair < count; pair += 1) {
    const took: [number, number] = [0, 0];
    for (const kind of pair % 2 ? ([1, 0] as const) : ([0, 1] as const))
      took[kind] = await attempts[kind](pair);
    times[0].push(took[0]);
    times[1].push(took[1]);
    if (took[0] > took[1]) longer += 1;
  }
  const median = (list: number[]) => list.toSorted((a, b) => a - b)[Math.floor(count / 2)] ?? 0;
  const share = longer / count;
  const errors = process.env.LATCHKEY_TEST_PAIRS ? 3.5 : 6.5;
  const allowed = (errors * 0.5) / Math.sqrt(count) + 0.01;
  const [one, other] = times.map((list) => median(list).toFixed(3));
  const summary = `${count} pairs: the first took longer in ${share.toFixed(4)} of them (0.5 ± ${allowed.toFixed(4)}); medians ${one} and ${other} ms`;
  assert.ok(Math.abs(share - 0.5) <= allowed, summary);
  return summary;
}
