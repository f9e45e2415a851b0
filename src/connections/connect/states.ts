import { randomBytes } from 'node:crypto';
import { toDate } from '../../database/instants.ts';
import { insertInto, selectOne, sql, update } from '../../database/statement-builders.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { digest, randomToken, uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';

const TABLE = 'T_upstream_states';

/** How long somebody may be at the service. */
const STATE_LIFETIME_MS = 10 * 60_000;

const INSERT = insertInto(TABLE, [
  'id',
  'created_at',
  'state_hash',
  'account_id',
  'provider',
  'payload_sealed',
  'expires_at',
]);
const SELECT = selectOne({
  columns: 'id, account_id, provider, payload_sealed, consumed_at, expires_at',
  from: TABLE,
  where: sql`state_hash = ${'state_hash'}`,
});
/** The database decides which of several returns counts. */
const CONSUME = update(TABLE, {
  set: ['consumed_at'],
  where: sql`id = ${'id'} AND consumed_at IS NULL`,
});

/** Where a person who connects goes on: their account, or the authorization request of an application. */
export type ConnectDestination = { kind: 'account' } | { kind: 'request'; interaction: string };

/** The authorization request in which a person signs in, or signs up with an invitation. */
export type SignInDestination =
  | { kind: 'sign-in'; interaction: string }
  | {
      kind: 'sign-up';
      interaction: string;
      /** Digest of the code. */
      invitation: string;
      /** What the person typed. */
      fields: Record<string, string>;
    };

type Destination = ConnectDestination | SignInDestination;

/** Somebody who is at a service. */
export interface UpstreamVisit {
  service: string;
  /** The account that connects; undefined for a sign-in. */
  accountId: string | undefined;
  /** Digest of the cookie of the browser. */
  browser: string;
  destination: Destination;
  /** The code verifier of PKCE (RFC 7636). */
  verifier: string;
  /** Expected in the ID token (OpenID Connect Core section 3.1.2.1). */
  nonce: string;
}

/** A visit that can still end, and the row that it is. */
export interface OpenVisit extends UpstreamVisit {
  id: string;
}

const place = (id: string) => ({ table: TABLE, column: 'payload_sealed', id });

/** People who are at a service. Each state works for one return. */
export function createStates(secrets: Pick<Secrets, 'seal' | 'open'>) {
  return {
    /** Adds the visit to the current unit of work. @returns it, with the `state` for the service */
    begin(visit: Omit<UpstreamVisit, 'verifier' | 'nonce'>): UpstreamVisit & { state: string } {
      const { service, accountId, ...rest } = visit;
      // RFC 7636 section 4.1: 43 to 128 characters.
      const made = { ...rest, verifier: randomBytes(48).toString('base64url'), nonce: randomToken() };
      const state = randomToken();
      const id = uuidv7();
      const now = Date.now();
      const values = {
        id,
        created_at: new Date(now),
        state_hash: digest(state),
        account_id: accountId ?? null,
        provider: service,
        payload_sealed: secrets.seal(JSON.stringify(made), place(id)),
        expires_at: new Date(now + STATE_LIFETIME_MS),
      };
      currentUnit().write({ statement: INSERT, values });
      return { service, accountId, ...made, state };
    },

    /** @returns undefined for a state that was made up, was used, or is too old */
    async find(state: string): Promise<OpenVisit | undefined> {
      const row = await currentUnit().readOne(SELECT, { state_hash: digest(state) });
      if (!row || row.consumed_at !== null || toDate(row.expires_at as string) <= new Date())
        return undefined;
      const id = String(row.id);
      const accountId = row.account_id === null ? undefined : String(row.account_id);
      const kept = JSON.parse(secrets.open(String(row.payload_sealed), place(id)));
      return { ...kept, id, accountId, service: String(row.provider) };
    },

    /** Marks the state as used at once, even if a later step fails. @returns false if another request has done so */
    async consume({ id }: OpenVisit): Promise<boolean> {
      const write = { statement: CONSUME, values: { id, consumed_at: new Date() }, guard: 'state' };
      return (await currentUnit().commitNow([write])) === undefined;
    },
  };
}

export type States = ReturnType<typeof createStates>;
