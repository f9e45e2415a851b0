import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import type { Service } from '../services/service-config.ts';
import { maySignIn } from './service.ts';
import { isSignIn, listSignInServices, setMaySignIn } from './store.ts';

export interface SignInSwitchDeps {
  knex: Knex;
  /** The services with which people can sign in. */
  listServices(): Promise<Service[]>;
  /** Locks the account. @throws LatchkeyError when the session has ended */
  assertSignedIn(trx: Knex.Transaction, accountId: string, by: { session: string }): Promise<void>;
  /** Locks the row of the account until the transaction ends. */
  lockAccount(trx: Knex.Transaction, filter: { id: string }): Promise<boolean>;
  /** Whether a password or a passkey signs the account in. The account must be locked. */
  canSignInHere(source: Knex, accountId: string): Promise<boolean>;
  /** Mails the owner. */
  notify(
    accountId: string,
    event: 'connection_sign_in_added' | 'connection_sign_in_removed',
    details: { service: string },
  ): void;
}

interface Owner {
  accountId: string;
  sessionUid: string;
  origin: Origin;
}

/** Whether the owner of a connection signs in with it. */
export function createSignInSwitch(deps: SignInSwitchDeps) {
  const { knex } = deps;

  /** The services with which people can sign in. Call it before a transaction: inside, it would need a second connection. */
  const listAllowed = async () => new Set((await deps.listServices()).map(({ name }) => name));

  /**
   * @param allowed the names of the services with which people can sign in
   * @throws LatchkeyError conflict when the account could not be signed in to without this connection
   */
  async function assertWayLeft(
    source: Knex,
    { accountId, id }: { accountId: string; id: string },
    allowed: Set<string>,
  ): Promise<void> {
    if (!(await isSignIn(source, accountId, id)) || (await deps.canSignInHere(source, accountId))) return;
    const others = await listSignInServices(source, accountId, { except: id });
    if (others.some((name) => allowed.has(name))) return;
    throw new LatchkeyError(
      'conflict',
      'last_sign_in_connection',
      'This is the only way to sign in to your account. Add a passkey or set a password first. Nothing was changed.',
      { back: { url: '/account/security', label: 'Security' } },
    );
  }

  async function set(
    { accountId, sessionUid, origin }: Owner,
    service: Service,
    id: string,
    value: boolean,
  ): Promise<void> {
    const allowed = await listAllowed();
    const isChanged = await inTransaction(knex, async (trx) => {
      await deps.assertSignedIn(trx, accountId, { session: sessionUid });
      if (!value) await assertWayLeft(trx, { accountId, id }, allowed);
      if (!(await setMaySignIn(trx, { id, accountId, service: service.name }, value))) return false;
      const action = value ? 'connection.sign_in_allowed' : 'connection.sign_in_ended';
      const details = { service: service.name };
      await recordEventIn(trx, { action, accountId, sessionUid, target: id, details }, origin);
      return true;
    });
    const event = value ? 'connection_sign_in_added' : 'connection_sign_in_removed';
    if (isChanged) deps.notify(accountId, event, { service: service.displayName });
  }

  return {
    /** @throws LatchkeyError forbidden when nobody may sign in with the service; unauthenticated when the session has ended */
    async allow(owner: Owner, service: Service, id: string): Promise<void> {
      if (!maySignIn(service))
        throw new LatchkeyError(
          'forbidden',
          'service_sign_in_off',
          `Nobody can sign in with ${service.displayName} here. Nothing was changed.`,
        );
      await set(owner, service, id, true);
    },

    /** @throws LatchkeyError conflict when there is no other way to sign in; unauthenticated when the session has ended */
    end: (owner: Owner, service: Service, id: string): Promise<void> => set(owner, service, id, false),

    /**
     * Before a connection is removed.
     * @returns the same check for the transaction that removes it, which locks the account
     * @throws LatchkeyError conflict when there is no other way to sign in
     */
    async prepareRemoval(connection: { accountId: string; id: string }) {
      const allowed = await listAllowed();
      await assertWayLeft(knex, connection, allowed);
      return async (trx: Knex.Transaction): Promise<void> => {
        await deps.lockAccount(trx, { id: connection.accountId });
        await assertWayLeft(trx, connection, allowed);
      };
    },

    /** The services with which the owner signs in, by their names on pages. */
    async listNames(accountId: string): Promise<string[]> {
      const names = await listSignInServices(knex, accountId);
      if (names.length === 0) return [];
      const services = await deps.listServices();
      return services.filter(({ name }) => names.includes(name)).map(({ displayName }) => displayName);
    },
  };
}

export type SignInSwitch = ReturnType<typeof createSignInSwitch>;
