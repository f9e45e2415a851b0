import type { Knex } from 'knex';
import type { RegisteredVia } from '../../access/registered-via.ts';
import { insertInto } from '../../database/statement-builders.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { uuidv7 } from '../../kit/ids.ts';

const ENDED = 'T_ended_sessions';
const DELIVERIES = 'T_logout_deliveries';

/** One client that is to learn that a user has signed out. */
export interface Delivery {
  id: string;
  session_uid: string;
  account_id: string;
  client_id: string;
  /** The `sid` of the client's ID tokens from that session. */
  sid: string | null;
  /** How often it was tried. */
  attempts: number;
}

interface EndedSession {
  uid: string;
  account_id: string;
  /** JSON: by client_id. */
  authorizations: string;
}

const INSERT_ENDED = insertInto(ENDED, ['id', 'created_at', 'session_uid']);
const COLUMNS = [
  'id',
  'created_at',
  'session_uid',
  'account_id',
  'client_id',
  'sid',
  'status',
  'attempts',
  'due_at',
] as const;
const INSERT_DELIVERY = insertInto(DELIVERIES, COLUMNS);

const toRow = (delivery: Omit<Delivery, 'id' | 'attempts'>) => {
  const now = new Date();
  return Object.assign(
    { id: uuidv7(), created_at: now, status: 'pending', attempts: 0, due_at: now },
    delivery,
  );
};

/** Adds to a request's unit that one client is to be notified. */
export function addDelivery(unit: UnitOfWork, delivery: Omit<Delivery, 'id' | 'attempts'>): void {
  unit.write({ statement: INSERT_DELIVERY, values: toRow(delivery) });
}

/**
 * Adds to a request's unit that a session has ended. Its clients are looked up once this is committed: another request may
 * add one until then.
 */
export function addEndedSession(unit: UnitOfWork, uid: string): void {
  const values = { id: uuidv7(), created_at: new Date(), session_uid: uid };
  unit.write({ statement: INSERT_ENDED, values }, `${ENDED}:${uid}`);
}

type Authorizations = Record<string, { sid?: string } | null>;

/** Finds which of these clients have an address for logout tokens. */
async function listClientsToNotify(trx: Knex, clientIds: string[]): Promise<Set<string>> {
  const rows: { client_id: string; metadata: string }[] = await trx('T_oauth_clients')
    .whereIn('client_id', clientIds)
    .where({ is_active: true })
    .select('client_id', 'metadata');
  const notified = rows.filter(({ metadata }) => JSON.parse(metadata).backchannel_logout_uri !== undefined);
  return new Set(notified.map(({ client_id }) => client_id));
}

/** Adds a delivery for each client of sessions that end in this transaction. Their clients no longer change. */
export async function addDeliveriesOf(trx: Knex.Transaction, sessions: EndedSession[]): Promise<void> {
  const entries = sessions.flatMap(({ uid, account_id, authorizations }) =>
    Object.entries(JSON.parse(authorizations) as Authorizations).map(([client_id, authorization]) => ({
      session_uid: uid,
      account_id,
      client_id,
      sid: authorization?.sid ?? null,
    })),
  );
  if (entries.length === 0) return;
  const notified = await listClientsToNotify(trx, [...new Set(entries.map(({ client_id }) => client_id))]);
  const rows = entries.filter(({ client_id }) => notified.has(client_id)).map(toRow);
  if (rows.length > 0) await trx.batchInsert(DELIVERIES, rows, 50);
}

/**
 * Adds the deliveries of all live sessions of an account, which the caller ends in this transaction. It locks them.
 * @param exceptUid the session that continues
 */
export async function recordSessionEnds(
  trx: Knex.Transaction,
  accountId: string,
  exceptUid?: string,
): Promise<void> {
  const live = trx('T_user_sessions')
    .where({ account_id: accountId, is_active: true })
    .where('expires_at', '>', new Date());
  if (exceptUid !== undefined) live.whereNot({ uid: exceptUid });
  await addDeliveriesOf(trx, await live.forUpdate().select('uid', 'account_id', 'authorizations'));
}

/**
 * Turns sessions that were ended by a sign-out into deliveries. Of two servers, the one that deletes the row adds them.
 * @returns how many rows it looked at
 */
export async function expandEndedSessions(knex: Knex, limit: number): Promise<number> {
  const ended: { id: string; session_uid: string }[] = await knex(ENDED)
    .orderBy('id')
    .limit(limit)
    .select('id', 'session_uid');
  for (const { id, session_uid } of ended)
    await knex.transaction(async (trx) => {
      if ((await trx(ENDED).where({ id }).delete()) === 0) return;
      const sessions = trx('T_user_sessions').where({ uid: session_uid }).whereNotNull('account_id');
      await addDeliveriesOf(trx, await sessions.select('uid', 'account_id', 'authorizations'));
    });
  return ended.length;
}

/** A client for which deliveries are due. */
export interface DueClient {
  client_id: string;
  registered_via: RegisteredVia;
}

/** The one that has waited longest comes first. */
export const listDueClients = (knex: Knex, limit: number): Promise<DueClient[]> =>
  knex(`${DELIVERIES} as d`)
    .join('T_oauth_clients as c', 'c.client_id', 'd.client_id')
    .where('d.due_at', '<=', new Date())
    .groupBy('c.client_id', 'c.registered_via')
    .orderByRaw('MIN(d.due_at)')
    .limit(limit)
    .select('c.client_id', 'c.registered_via');

/**
 * Takes deliveries of a client whose time has come. Nobody else takes them before the lease ends; a server that is killed
 * so only delays them.
 */
export async function claimDueDeliveries(
  knex: Knex,
  clientId: string,
  options: { limit: number; leaseMs: number },
): Promise<Delivery[]> {
  const now = new Date();
  const due: Delivery[] = await knex(DELIVERIES)
    .where({ client_id: clientId })
    .where('due_at', '<=', now)
    .orderBy('due_at')
    .limit(options.limit)
    .select('id', 'session_uid', 'account_id', 'client_id', 'sid', 'attempts');
  const claimed: Delivery[] = [];
  for (const delivery of due) {
    const { id, attempts } = delivery;
    const rows = await knex(DELIVERIES)
      .where({ id, attempts, status: 'pending' })
      .where('due_at', '<=', now)
      .update({ attempts: attempts + 1, due_at: new Date(now.getTime() + options.leaseMs) });
    if (rows > 0) claimed.push({ ...delivery, attempts: attempts + 1 });
  }
  return claimed;
}

/** Lets the deliveries of a client that are due now, and that nobody has claimed, wait. */
export async function putOffDeliveries(knex: Knex, clientId: string, dueAt: Date): Promise<void> {
  await knex(DELIVERIES)
    .where({ client_id: clientId, status: 'pending' })
    .where('due_at', '<=', new Date())
    .update({ due_at: dueAt });
}

/** @param outcome `dueAt` undefined: it is not tried again */
export async function writeOutcome(
  knex: Knex,
  { id, attempts }: Delivery,
  outcome: { status: 'pending' | 'delivered' | 'failed'; error?: string; dueAt?: Date },
): Promise<void> {
  await knex(DELIVERIES)
    .where({ id, attempts, status: 'pending' })
    .update({
      status: outcome.status,
      last_error: outcome.error?.slice(0, 255) ?? null,
      due_at: outcome.dueAt ?? null,
      finished_at: outcome.dueAt ? null : new Date(),
    });
}
