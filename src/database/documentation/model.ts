export const PARTS = {
  people: 'Who a person is',
  factors: 'Keys, apps and codes of a person',
  invitations: 'Invitations',
  applications: 'Applications',
  protocol: 'What an application was given',
  upkeep: 'What happened, and limits',
};

/** How what is or derives from a secret rests, and what whoever stole the database could do with it. */
export interface Resting {
  rests: 'plain' | 'hashed' | 'sealed';
  /** In a JSON column, the member that is meant. */
  member?: string;
  thief: string;
}

/** What docs/DATABASE.md says of a table and the schema cannot. Held to the migrated schema by a test. */
export interface Described {
  part: keyof typeof PARTS;
  purpose: string;
  /** Every column but `id` and `created_at`, which mean the same everywhere. */
  columns: Record<string, string>;
  /** Columns that hold one of a few words: each word. */
  values?: Record<string, Record<string, string>>;
  /** Every index and the query it serves. */
  indices: Record<string, string>;
  /** Columns that name a row elsewhere without a foreign key, and why. */
  loose?: Record<string, { names: string; why: string }>;
  secrets?: Record<string, Resting>;
  security: string[];
  /** Until when a row lives, and what ends it. */
  life: string;
  /** What is in it after the migrations, the first start and `npm run seed`. */
  content: string;
}

/** Why the protocol's tables name applications without a foreign key. */
export const OUTLIVES = {
  names: 'T_oauth_clients.client_id',
  why: 'Latchkey itself is an application without a row, and what happened is still told when an application is gone.',
};

/** Tokens name what they hang on without a foreign key: each would be another look-up at each token. */
export const GRANT = {
  names: 'T_grants.id',
  why: 'A token whose grant is gone or revoked opens nothing: it is read together with its grant.',
};

export const SESSION = {
  names: 'T_user_sessions.uid',
  why: 'A token that came from a session ends with it: both are read together.',
};

/** 256 random bits, of which the digest alone rests. */
export const DIGEST: Resting = {
  rests: 'hashed',
  thief: 'Nothing: SHA-256 of a random value that nobody can find again.',
};

/** As DIGEST, with the time in its first 48 bits. */
export const ORDERED_DIGEST: Resting = {
  rests: 'hashed',
  thief:
    'Nothing but when it was issued: the rest is 208 bits of the SHA-256 of a random value that nobody can find again.',
};
