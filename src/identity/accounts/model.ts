export interface Account {
  id: string;
  username: string;
  email: string | null;
  email_verified: boolean;
  name: string | null;
  scopes: string[];
  is_active: boolean;
}

export interface AccountRow extends Omit<Account, 'scopes' | 'is_active' | 'email_verified'> {
  scopes: string;
  is_active: boolean | number;
  email_verified: boolean | number;
}

export const ACCOUNT_COLUMNS = ['id', 'username', 'email', 'email_verified', 'name', 'scopes', 'is_active'];

export function toAccount(row: AccountRow): Account {
  return {
    id: row.id,
    username: row.username,
    email: row.email,
    email_verified: Boolean(row.email_verified),
    name: row.name,
    scopes: JSON.parse(row.scopes),
    is_active: Boolean(row.is_active),
  };
}
