import { strToU8, Zip, ZipDeflate } from 'fflate';
import type { Knex } from 'knex';
import { toDate } from '../../database/instants.ts';
import { beginPage, beginTable, EMPTY, END, writeRow } from './readable-page.ts';
import { listPersonalTables, type PersonalTable } from './tables.ts';

/** Rows are read in pages, so that no account takes the memory of the server. */
const ROWS_PER_READ = 500;

/** A value as JSON, the same on every engine: instants as ISO 8601, JSON as JSON, truth as true or false. */
function toJson(column: string, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (/_(at|until)$/.test(column)) return toDate(value).toISOString();
  if (/^(is|by)_|_verified$|^success$/.test(column)) return Boolean(value);
  if (typeof value !== 'string' || !/^[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

async function* readRows(knex: Knex, { name, owner, columns }: PersonalTable, accountId: string) {
  for (let last = ''; ; ) {
    const rows: Record<string, unknown>[] = await knex(name)
      .where(owner, accountId)
      .where('id', '>', last)
      .orderBy('id')
      .limit(ROWS_PER_READ)
      .select(Object.keys(columns));
    for (const row of rows)
      yield Object.fromEntries(Object.entries(row).map(([column, value]) => [column, toJson(column, value)]));
    if (rows.length < ROWS_PER_READ) return;
    last = String(rows.at(-1)?.id);
  }
}

/** How many parts `writeArchive` reports. */
export const countParts = (): number => listPersonalTables().length;

/**
 * Writes the zip of an account: `data/….json` for each table, and `index.html` to read.
 * @param account whose data it is, and the host of this server, for the page
 * @param onPart called after each table with how many are done
 */
export async function writeArchive(
  knex: Knex,
  account: { id: string; username: string; host: string },
  onPart: (done: number) => Promise<void>,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    chunks.push(chunk);
  });
  const page: string[] = [beginPage(account.username, account.host, new Date())];
  let done = 0;
  for (const table of listPersonalTables()) {
    const file = new ZipDeflate(`data/${table.title}.json`, { level: 6 });
    zip.add(file);
    file.push(strToU8('[\n'));
    page.push(beginTable(table));
    let rows = 0;
    for await (const row of readRows(knex, table, account.id)) {
      file.push(strToU8(`${rows === 0 ? '' : ',\n'}${JSON.stringify(row, null, 2)}`));
      page.push(writeRow(row, table));
      rows += 1;
    }
    file.push(strToU8('\n]\n'), true);
    if (rows === 0) page.push(EMPTY);
    done += 1;
    await onPart(done);
  }
  const readable = new ZipDeflate('index.html', { level: 6 });
  zip.add(readable);
  for (const text of page) readable.push(strToU8(text));
  readable.push(strToU8(END), true);
  zip.end();
  return Buffer.concat(chunks);
}
