import type { RetentionRule } from '../../../src/config/retention.ts';
import type { Database } from '../../../src/database/open.ts';
import { uuidv7 } from '../../../src/kit/ids.ts';
import { fill } from '../rows.ts';

const DAY = 86_400_000;
const MINUTE = 60_000;

/** Parent rows, for tables whose rows must refer to one. */
const PARENTS: Record<string, string> = {
  account_id: 'T_accounts',
  client_id: 'T_oauth_clients',
  invitation_id: 'T_invitations',
  user_provider_id: 'T_user_providers',
  token_id: 'T_oauth_tokens',
};

/** Columns of rows that meet the further condition of a rule, and of rows that do not. */
const columnsFor = (only: string) =>
  only === 'uses = 0'
    ? [{ uses: 0 }, { uses: 1 }]
    : [{ kind: 'RegistrationAccessToken' }, { kind: 'InitialAccessToken' }];

/** Writes the rows that a row of that table must refer to, and theirs. @returns the columns that refer to them */
async function writeParents(database: Database, table: string): Promise<Record<string, string>> {
  const columns = await database.knex(table).columnInfo();
  const names: Record<string, string> = {};
  for (const [column, parent] of Object.entries(PARENTS)) {
    if (!columns[column] || columns[column].nullable || parent === table) continue;
    const id = uuidv7();
    const never = parent === 'T_accounts' ? {} : { expires_at: null };
    const expires = (await database.knex(parent).columnInfo()).expires_at;
    await fill(database, parent, { id, ...(await writeParents(database, parent)), ...(expires && never) });
    names[column] = id;
  }
  return names;
}

/** Writes rows of that table that are past their time, and rows that are not. @returns the ids of the latter */
export async function expiringRows(database: Database, rule: RetentionRule): Promise<string[]> {
  const { knex } = database;
  const columns = await knex(rule.table).columnInfo();
  const names = await writeParents(database, rule.table);
  const write = async (at: Date | null, more: Record<string, unknown> = {}) => {
    const id = uuidv7();
    // An account has at most one archive.
    if (rule.table === 'T_account_archives') {
      await fill(database, 'T_accounts', { id });
      names.account_id = id;
    }
    const known = columns.expires_at ? { expires_at: new Date(Date.now() + 9 * DAY) } : {};
    // The end of the id: its beginning is the same for rows of one millisecond, and some columns are short.
    const unique = rule.table === 'T_account_links' ? { purpose: id.slice(-12) } : {};
    await fill(database, rule.table, { id, ...names, ...unique, ...known, ...more, [rule.column]: at });
    return id;
  };
  const line = Date.now() - rule.days * DAY;
  const [only, other] = rule.only ? columnsFor(rule.only) : [{}, {}];
  await write(new Date(line - MINUTE), only);
  await write(new Date(line - 1500 * MINUTE), only);
  const stay = [await write(new Date(line + MINUTE), only)];
  stay.push(await write(new Date(line + 1500 * MINUTE), only));
  if (rule.only) stay.push(await write(new Date(line - MINUTE), other));
  if (columns[rule.column]?.nullable) stay.push(await write(null, only));
  // The parent rows of one rule may be in the table of another.
  return stay.toSorted();
}
