import type { Knex } from 'knex';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { parse } from '../../kit/parse.ts';
import { normalise, roleField } from '../fields.ts';
import { type Profile, profileOf } from './profile.ts';

/** Which role of which account, in one application or, without a client_id, in every one. */
export interface RoleInput {
  username: string;
  role: string;
  client_id?: string;
}

/** Roles of accounts; each change and its audit row in one transaction. */
export function createRoles({ knex }: { knex: Knex }) {
  /** @throws LatchkeyError not_found for an unknown account or application */
  async function change(
    actor: Actor,
    given: RoleInput,
    work: (trx: Knex.Transaction, where: Record<string, string | null>) => Promise<boolean>,
    action: string,
  ): Promise<Profile> {
    const name = parse(roleField, given.role);
    const username = normalise(given.username);
    return inTransaction(knex, async (trx) => {
      // Claims the account's row: of two who change its roles at once, the second sees what the first did.
      await trx('T_accounts').where({ username }).update({ updated_at: new Date() });
      const { id } = await profileOf(trx, { username });
      const where = { account_id: id, client_id: await applicationOf(trx, given.client_id), role: name };
      if (await work(trx, where)) {
        const details = { role: name, client_id: given.client_id };
        await recordEventIn(trx, {
          action,
          actorId: actor.accountId,
          accountId: id,
          target: username,
          details,
        });
      }
      return profileOf(trx, { username });
    });
  }

  async function applicationOf(trx: Knex.Transaction, clientId: string | undefined): Promise<string | null> {
    if (clientId === undefined) return null;
    const row = await trx('T_oauth_clients').where({ client_id: clientId }).first('id');
    if (!row)
      throw new LatchkeyError(
        'not_found',
        'client_not_found',
        `There is no application with the client_id ${clientId}.`,
      );
    return row.id;
  }

  return {
    /** A role that the account has already stays one. @throws LatchkeyError invalid_input, not_found */
    grant: (actor: Actor, given: RoleInput) =>
      change(
        actor,
        given,
        async (trx, where) => {
          if (await trx('T_account_roles').where(where).first('id')) return false;
          await trx('T_account_roles').insert({ id: uuidv7(), created_at: new Date(), ...where });
          return true;
        },
        'account.role_granted',
      ),

    /** @throws LatchkeyError invalid_input; not_found, also when the account has no such role there */
    withdraw: (actor: Actor, given: RoleInput) =>
      change(
        actor,
        given,
        async (trx, where) => {
          if ((await trx('T_account_roles').where(where).delete()) > 0) return true;
          const place = given.client_id === undefined ? 'in every application' : `in ${given.client_id}`;
          throw new LatchkeyError(
            'not_found',
            'role_not_held',
            `This account does not have the role ${given.role} ${place}.`,
          );
        },
        'account.role_withdrawn',
      ),
  };
}

export type Roles = ReturnType<typeof createRoles>;
