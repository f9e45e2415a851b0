import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import type { Driver } from '../../database/driver/contract.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import type { Secrets } from '../../kit/secrets.ts';
import {
  type AccessLevel,
  activateConnection,
  addOrLock,
  type CallableConnection,
  type Connection,
  deleteAllConnections,
  deleteConnection,
  findFirstConnection,
  listConnections,
  markBroken,
  markMended,
  type UpstreamIdentity,
} from './connection-store.ts';
import {
  addUses,
  endCredential,
  insertCredential,
  openCredential,
  readCredential,
  replaceTokens,
  type UpstreamTokens,
  type VaultCredential,
} from './credential-store.ts';
import { type Resealed, resealCredentials } from './reseal.ts';

export interface VaultDeps {
  knex: Knex;
  driver: Driver;
  secrets: Secrets;
}

/** What a person has brought back from a service. */
export interface NewConnection {
  accountId: string;
  service: string;
  identity: UpstreamIdentity;
  accessLevel: AccessLevel;
  tokens: UpstreamTokens;
}

const connectionTaken = () =>
  new LatchkeyError(
    'conflict',
    'connection_taken',
    'That account is connected to another account on this server. Disconnect it there first.',
  );

/** The connections of people to other services, and their sealed credentials. */
export function createVault({ knex, driver, secrets }: VaultDeps) {
  /** The operator has removed a key too early. Once it is back, everything works again. */
  const keyMissing = (cause: unknown) =>
    new LatchkeyError(
      'unavailable',
      'credential_key_missing',
      'The stored credential cannot be read at the moment. Tell the people who run this server.',
      { cause },
    );

  /** Fails closed, and tells: nothing of a credential that does not open is used. */
  async function reportDamage(accountId: string, connectionId: string, cause: unknown): Promise<never> {
    await inTransaction(knex, async (trx) => {
      if (!(await markBroken(trx, connectionId, 'credential_damaged'))) return;
      const event = { action: 'connection.damaged', success: false, actorId: null };
      await recordEventIn(trx, { ...event, accountId, target: connectionId });
    });
    const text = 'The stored credential cannot be read. Connect the account again.';
    throw new LatchkeyError('forbidden', 'credential_damaged', text, { cause });
  }

  /** The old refresh token, for a service that issues one only at the first connection. */
  async function findRefreshToken(connectionId: string): Promise<string | undefined> {
    const row = await readCredential(driver, connectionId);
    try {
      return row && openCredential(row, secrets).refreshToken;
    } catch {
      return undefined;
    }
  }

  return {
    /** The connections of an account, of one service or all. */
    list: (accountId: string, service?: string): Promise<Connection[]> =>
      listConnections(knex, service === undefined ? { accountId } : { accountId, service }),

    /** The connections of an account, for a call. Most people have one at each service, and a prepared statement reads that. */
    async listCallable(accountId: string, service: string): Promise<CallableConnection[]> {
      const first = await findFirstConnection(driver, accountId, service);
      if (!first) return [];
      return first.total === 1 ? [first] : listConnections(knex, { accountId, service });
    },

    /** The connections of every account, for the operator. */
    listAll: (): Promise<Connection[]> => listConnections(knex, {}),

    /** @returns undefined when it does not exist, or belongs to another account */
    find: async (accountId: string, id: string): Promise<Connection | undefined> =>
      (await listConnections(knex, { accountId, id }))[0],

    /**
     * Keeps a connection. The same account at the service has one row, so its earlier credential ends. If the service issues
     * no refresh token this time, the present one is kept, unless it was refused before.
     * @param prepare work of the caller in the same transaction, done first, such as checking that the session is live
     * @throws LatchkeyError connection_taken, or what `prepare` throws
     */
    async save(
      input: NewConnection,
      options: { prepare?(trx: Knex.Transaction): Promise<void>; origin?: Origin } = {},
    ): Promise<{ id: string; isNew: boolean }> {
      const { accountId, service, identity, accessLevel } = input;
      const [before] = await listConnections(knex, { accountId, service, externalId: identity.id });
      const usable = before && before.syncStatus !== 'error' ? before.id : undefined;
      const refreshToken =
        input.tokens.refreshToken ?? (usable === undefined ? undefined : await findRefreshToken(usable));
      return inTransaction(knex, async (trx) => {
        await options.prepare?.(trx);
        const named = { accountId, service, externalId: identity.id, accessLevel };
        const row = await addOrLock(trx, named);
        if (!row) throw new LatchkeyError('not_found', 'account_gone', 'This account no longer exists.');
        if (row.accountId !== accountId) throw connectionTaken();
        await activateConnection(trx, row.id, { identity, accessLevel });
        await endCredential(trx, row.id);
        const owner = { connectionId: row.id, accountId };
        await insertCredential(trx, secrets, owner, { ...input.tokens, refreshToken });
        const action = row.isNew ? 'connection.created' : 'connection.renewed';
        const event = { action, accountId, target: row.id, details: { service } };
        await recordEventIn(trx, event, options.origin);
        return { id: row.id, isNew: row.isNew };
      });
    },

    /**
     * The active credential, opened; undefined for a connection that is gone.
     * @throws LatchkeyError credential_damaged when it was changed or moved, credential_key_missing
     */
    async open(connectionId: string): Promise<VaultCredential | undefined> {
      const row = await readCredential(driver, connectionId);
      if (!row) return undefined;
      try {
        return openCredential(row, secrets);
      } catch (error) {
        const sealed = [row.access_token_sealed, row.refresh_token_sealed];
        if (sealed.some((one) => one !== null && !secrets.hasKeyOf(one))) throw keyMissing(error);
        return reportDamage(row.account_id, connectionId, error);
      }
    },

    /**
     * Stores what a refresh brought. If that took so long that another server was refused with the old refresh token, the
     * connection works again.
     * @returns false when the credential has changed since: then nothing is stored
     */
    async replaceTokens(credential: VaultCredential, tokens: UpstreamTokens): Promise<boolean> {
      if (!(await replaceTokens(knex, secrets, credential, tokens))) return false;
      await markMended(knex, credential.connectionId);
      return true;
    },

    /** Notes that a connection needs its owner. @returns whether this changed it, so that one of several tells them */
    markBroken: (id: string, code: string): Promise<boolean> => markBroken(knex, id, code),

    /** Seals every credential with the newest key. Resumable. */
    reseal: (onProgress: Parameters<typeof resealCredentials>[2]): Promise<Resealed> =>
      resealCredentials(knex, secrets, onProgress),

    /**
     * Deletes every connection of an account and destroys their credentials.
     * @returns how many there were, and what they were, with `credential` unset if it does not open
     */
    async removeAll(trx: Knex.Transaction, accountId: string) {
      const { count, credentials } = await deleteAllConnections(trx, accountId);
      const opened = credentials.map((row) => {
        try {
          return { service: row.provider, credential: openCredential(row, secrets) };
        } catch {
          return { service: row.provider, credential: undefined };
        }
      });
      return { count, removed: opened };
    },

    /**
     * Deletes a connection and destroys its credentials.
     * @param options `prepare`: work of the caller in the same transaction, done first
     * @returns whether it was there and belonged to the account @throws what `prepare` throws
     */
    remove: (
      owner: { id: string; accountId: string; service: string },
      options: { actorId: string | null; origin?: Origin; prepare?(trx: Knex.Transaction): Promise<void> },
    ): Promise<boolean> =>
      inTransaction(knex, async (trx) => {
        const { actorId, origin } = options;
        await options.prepare?.(trx);
        if (!(await deleteConnection(trx, owner))) return false;
        const { accountId, id, service } = owner;
        const event = { action: 'connection.removed', accountId, actorId, target: id, details: { service } };
        await recordEventIn(trx, event, origin);
        return true;
      }),
  };
}

export type Vault = ReturnType<typeof createVault>;

/** Notes uses of connections in memory. A job writes them: a write per call would cost as much as the call. */
export function createConnectionUsage(knex: Knex) {
  const noted = new Map<string, { uses: number; last: Date }>();
  return {
    recordUse(connectionId: string): void {
      const uses = (noted.get(connectionId)?.uses ?? 0) + 1;
      noted.set(connectionId, { uses, last: new Date() });
    },

    /** Writes what was noted since the last call. If it fails, the rest is noted again. */
    async write(): Promise<void> {
      const entries = [...noted];
      noted.clear();
      while (entries.length > 0) {
        const [connectionId, { uses, last }] = entries[0] as (typeof entries)[number];
        try {
          await addUses(knex, connectionId, uses, last);
        } catch (error) {
          for (const [id, use] of entries)
            noted.set(id, {
              uses: use.uses + (noted.get(id)?.uses ?? 0),
              last: noted.get(id)?.last ?? use.last,
            });
          throw error;
        }
        entries.shift();
      }
    },
  };
}
