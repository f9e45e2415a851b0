import { descriptions } from '../../database/documentation/index.ts';

/** Columns that name the account a row belongs to. */
const OWNER_COLUMNS = ['account_id', 'created_by', 'redeemed_by'];

/** Tables that the archive leaves out, and why. A test compares this list with the schema. */
export const LEFT_OUT: Record<string, string> = {
  T_account_archives: 'It is the archive.',
};

/** A table with rows of an account. */
export interface PersonalTable {
  name: string;
  /** The name of its JSON document: `user-sessions` for T_user_sessions. */
  title: string;
  purpose: string;
  owner: string;
  /** What each column means, without those that hold a secret or the digest of one. */
  columns: Record<string, string>;
}

/** Every table that has rows of an account, in the order of docs/DATABASE.md. */
export function listPersonalTables(): PersonalTable[] {
  return Object.entries(descriptions).flatMap(([name, { purpose, columns, secrets = {} }]) => {
    const owner = name === 'T_accounts' ? 'id' : OWNER_COLUMNS.find((column) => column in columns);
    if (owner === undefined || name in LEFT_OUT) return [];
    const shown = Object.entries(columns).filter(([column]) => !(column in secrets));
    return [
      {
        name,
        title: name.slice(2).replaceAll('_', '-'),
        purpose,
        owner,
        columns: {
          id: 'The number of the row.',
          created_at: 'When it was added.',
          ...Object.fromEntries(shown),
        },
      },
    ];
  });
}
