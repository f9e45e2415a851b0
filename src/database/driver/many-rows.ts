import { memo } from './memo.ts';

/** Only so many rows at once, so that there are few statements to prepare. */
const SIZES = [8, 4, 2, 1];

/** @returns the sizes of the INSERTs that add so many rows, the largest first */
export function sizesOf(rows: number): number[] {
  const sizes: number[] = [];
  for (let left = rows; left > 0; left -= sizes.at(-1) ?? left)
    sizes.push(SIZES.find((size) => size <= left) ?? 1);
  return sizes;
}

const made = new Map<string, string[]>();

/** @returns that INSERT of one row for so many of them, the very same string at each call */
export function forRows(sql: string, rows: number): string {
  if (rows === 1) return sql;
  const texts = memo(made, sql, () => []);
  texts[rows] ??= sql + `, ${sql.slice(sql.lastIndexOf('('))}`.repeat(rows - 1);
  return texts[rows];
}
