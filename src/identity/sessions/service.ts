import type { Knex } from 'knex';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import type { Driver } from '../../database/driver/contract.ts';
import { toDate } from '../../database/instants.ts';
import { inTransaction } from '../../database/transaction.ts';
import { type Origin, UnitOfWork } from '../../database/unit-of-work.ts';
import type { Background } from '../../kit/background.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { nameBrowser } from './browser-name.ts';
import type { Places } from './places.ts';
import {
  type EndedSession,
  endPendingSignIns,
  endSessions,
  findSessionOwner,
  listSessions,
  RECORD_USE,
  type SessionFilter,
  type SessionRow,
} from './store.ts';

/** A use is written once in this time, for each session and server. */
const USE_RECORDED_AFTER_MS = 5 * 60_000;
/** How many sessions a server remembers, so that it does not write their next use too soon. */
const MAX_REMEMBERED = 10_000;

/** A browser in which an account is signed in. Instants are ISO 8601. */
export interface UserSession {
  id: string;
  username: string;
  account_id: string;
  /** The browser, such as "Firefox on Windows", by what it claimed when the session began. */
  browser: string;
  ip_address: string | null;
  /** The city and country of the address, if the operator has a GeoIP file. */
  place: string | null;
  /** How the user signed in (RFC 8176); empty for a session of an earlier version. */
  amr: string[];
  signed_in_at: string;
  last_used_at: string;
  expires_at: string;
}

export interface SessionsDeps {
  knex: Knex;
  driver: Driver;
  background: Background;
  places: Places;
  /** Leaves for the clients of these sessions, in the same transaction, that they have ended. */
  notifyClients(trx: Knex.Transaction, sessions: EndedSession[]): Promise<void>;
}

const sessionNotFound = () =>
  new LatchkeyError('not_found', 'session_not_found', 'There is no such session. It may have ended already.');

export function createSessions({ knex, driver, background, places, notifyClients }: SessionsDeps) {
  const remembered = new Map<string, number>();

  async function toSession(row: SessionRow): Promise<UserSession> {
    const began = toDate(row.signed_in_at ?? row.created_at);
    return {
      id: row.id,
      username: row.username,
      account_id: row.account_id,
      browser: nameBrowser(row.user_agent),
      ip_address: row.ip_address,
      place: (await places.find(row.ip_address)) ?? null,
      amr: row.amr?.split(' ') ?? [],
      signed_in_at: began.toISOString(),
      last_used_at: toDate(row.last_used_at ?? began).toISOString(),
      expires_at: toDate(row.expires_at).toISOString(),
    };
  }

  const end = (actor: Actor, accountId: string, filter: SessionFilter, origin: Origin): Promise<number> =>
    inTransaction(knex, async (trx) => {
      const ended = await endSessions(trx, accountId, filter);
      if (!('id' in filter)) await endPendingSignIns(trx, accountId);
      await notifyClients(trx, ended);
      for (const { uid: sessionUid } of ended)
        await recordEventIn(
          trx,
          { action: 'session.ended', actorId: actor.accountId, accountId, sessionUid },
          origin,
        );
      return ended.length;
    });

  return {
    /** The live sessions of an account, or of all accounts, the last used first. */
    list: async (accountId?: string): Promise<UserSession[]> =>
      Promise.all((await listSessions(knex, accountId)).map(toSession)),

    /** The sessions of an account. `isCurrent` marks the one with that uid. */
    listOwn: async (accountId: string, uid: string): Promise<(UserSession & { isCurrent: boolean })[]> =>
      Promise.all(
        (await listSessions(knex, accountId)).map(async (row) => ({
          ...(await toSession(row)),
          isCurrent: row.uid === uid,
        })),
      ),

    /**
     * Ends a session of this account, with its codes, tokens and grants, at once on every server. Applications that were
     * allowed access beyond the session keep it, as after a sign-out.
     * @throws LatchkeyError not_found, also for a session of another account
     */
    async end(actor: Actor, accountId: string, id: string, origin: Origin = {}): Promise<void> {
      if ((await end(actor, accountId, { id }, origin)) === 0) throw sessionNotFound();
    },

    /** The account of a session. @throws LatchkeyError not_found */
    async getOwner(id: string): Promise<string> {
      const owner = await findSessionOwner(knex, id);
      if (owner === undefined) throw sessionNotFound();
      return owner;
    },

    /**
     * Ends every session of an account, and its sign-ins that are under way.
     * @param options `exceptUid`: the session that continues
     * @returns how many have ended
     */
    endAll: (
      actor: Actor,
      accountId: string,
      options: { exceptUid?: string } = {},
      origin: Origin = {},
    ): Promise<number> =>
      end(actor, accountId, options.exceptUid === undefined ? {} : { exceptUid: options.exceptUid }, origin),

    /** Records that a session is in use, after the response and at most once in five minutes. */
    recordUse(uid: string): void {
      const now = Date.now();
      if (now - (remembered.get(uid) ?? 0) < USE_RECORDED_AFTER_MS) return;
      if (remembered.size >= MAX_REMEMBERED) remembered.clear();
      remembered.set(uid, now);
      const values = { uid, last_used_at: new Date(now), before: new Date(now - USE_RECORDED_AFTER_MS) };
      background.run('session_use', async () => {
        const unit = new UnitOfWork(driver);
        unit.write({ statement: RECORD_USE, values });
        await unit.commit();
      });
    },
  };
}

export type UserSessions = ReturnType<typeof createSessions>;
