/** The sections of docs/DATABASE.md, in its order. */
export const PARTS = {
  accounts: 'Accounts and sessions',
  factors: 'Passkeys, authenticator apps and recovery codes',
  invitations: 'Invitations',
  applications: 'Applications and signing keys',
  protocol: 'Authorization requests, grants, codes and tokens',
  connections: 'Connections to other services',
  audit: 'Audit log and limits',
};

/** How a column stores a value that is a secret or derived from one. */
export interface StoredSecret {
  stored: 'plain' | 'hashed' | 'sealed';
  /** The member that holds the value, in a JSON column. */
  member?: string;
  /** What someone with a copy of the database could do with it. */
  ifStolen: string;
}

/** What docs/DATABASE.md says about a table beyond its schema. A test compares it with the migrated schema. */
export interface TableDescription {
  part: keyof typeof PARTS;
  purpose: string;
  /** Every column except `id` and `created_at`, which mean the same in every table. */
  columns: Record<string, string>;
  /** For columns with a fixed set of values: what each value means. */
  values?: Record<string, Record<string, string>>;
  /** Every index and the query that needs it. */
  indices: Record<string, string>;
  /** Columns that refer to another table without a foreign key, and why they have none. */
  unenforced?: Record<string, Reference>;
  secrets?: Record<string, StoredSecret>;
  security: string[];
  /** How long a row exists and what ends it. */
  lifetime: string;
  /** What the table contains after the migrations, the first start and `npm run seed`. */
  initialContent: string;
}

interface Reference {
  target: string;
  why: string;
}

export const SERVICE_REFERENCE = {
  target: 'T_service_configs.service_name',
  why: 'A row that names a service stays when that service is removed.',
};

export const CLIENT_REFERENCE: Reference = {
  target: 'T_oauth_clients.client_id',
  why: 'Latchkey’s own pages are a client without a row, and a row that names a client stays when that client is deleted.',
};

/** Tokens have no foreign key to their grant and their session: each would cost another lookup for every token issued. */
export const GRANT_REFERENCE: Reference = {
  target: 'T_grants.id',
  why: 'A token is read together with its grant and is invalid without it.',
};

export const SESSION_REFERENCE: Reference = {
  target: 'T_user_sessions.uid',
  why: 'A token that belongs to a session is read together with it and ends with it.',
};

export const DIGEST: StoredSecret = {
  stored: 'hashed',
  ifStolen: 'Nothing: SHA-256 of a random value that cannot be recovered.',
};

/** A digest whose first 48 bits are replaced by the time of issue (`oidc/storage/token-values.ts`). */
export const TIMED_DIGEST: StoredSecret = {
  stored: 'hashed',
  ifStolen:
    'See when it was issued. The other 208 bits are from the SHA-256 of a random value that cannot be recovered.',
};

export const PAYLOAD = 'JSON: whatever else the protocol engine stores, without tokens or codes.';
export const CLIENT = 'The `client_id` of the application.';
export const CLEAN_UP = 'The clean-up.';
export const BY_ACCOUNT = 'Revoking one grant or everything of an account; deleting the account.';
