import type { Knex } from 'knex';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { parse } from '../../kit/parse.ts';
import { normalise, roleField } from '../fields.ts';
import { deleteRole, insertRole, type RoleKey } from './application-role-store.ts';
import type { Profile, Profiles } from './read-profile.ts';
import { lockAccount } from './store.ts';

/** A role of an account in one application or, without a client_id, in all of them. */
export interface RoleInput {
  username: string;
  role: string;
  client_id?: string;
}

export interface RolesDeps extends Profiles {
  knex: Knex;
  /** An application, by the client_id that it uses in requests. */
  findClient(source: Knex, clientId: string): Promise<{ id: string } | undefined>;
}

/** Roles of accounts. Each change and its audit row are one transaction. */
export function createRoles(deps: RolesDeps) {
  /**
   * @param apply changes the row, and returns whether anything changed
   * @throws LatchkeyError not_found for an unknown account or application
   */
  async function change(
    actor: Actor,
    input: RoleInput,
    action: string,
    apply: (trx: Knex.Transaction, key: RoleKey) => Promise<boolean>,
  ): Promise<Profile> {
    const role = parse(roleField, input.role);
    const username = normalise(input.username);
    return inTransaction(deps.knex, async (trx) => {
      await lockAccount(trx, { username });
      const { id } = await deps.getProfile(trx, { username });
      const client_id = await getClientRowId(trx, input.client_id);
      if (await apply(trx, { account_id: id, client_id, role })) {
        const details = { role, client_id: input.client_id };
        await recordEventIn(trx, {
          action,
          actorId: actor.accountId,
          accountId: id,
          target: username,
          details,
        });
      }
      return deps.getProfile(trx, { username });
    });
  }

  async function getClientRowId(trx: Knex.Transaction, clientId: string | undefined): Promise<string | null> {
    if (clientId === undefined) return null;
    const client = await deps.findClient(trx, clientId);
    if (client) return client.id;
    throw new LatchkeyError(
      'not_found',
      'client_not_found',
      `There is no application with the client_id ${clientId}.`,
    );
  }

  /** A role of one application can be held although it is not held in every application. */
  const notHeld = ({ role, client_id }: RoleInput) =>
    client_id === undefined
      ? `No role ${role} was granted to this account for every application. To withdraw it in one application, add --client.`
      : `This account does not have the role ${role} in ${client_id}.`;

  return {
    /** Granting a role that the account already has changes nothing. @throws LatchkeyError invalid_input, not_found */
    grant: (actor: Actor, input: RoleInput) => change(actor, input, 'account.role_granted', insertRole),

    /** @throws LatchkeyError invalid_input; not_found, also when the account does not have the role there */
    withdraw: (actor: Actor, input: RoleInput) =>
      change(actor, input, 'account.role_withdrawn', async (trx, key) => {
        if (await deleteRole(trx, key)) return true;
        throw new LatchkeyError('not_found', 'role_not_held', notHeld(input));
      }),
  };
}
