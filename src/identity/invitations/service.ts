import type { Knex } from 'knex';
import { PROTOCOL_SCOPES } from '../../access/scopes.ts';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { toDate } from '../../database/instants.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { parse } from '../../kit/parse.ts';
import { rolesOf } from '../accounts/store.ts';
import { codeHash, makeCode } from './codes.ts';
import { type InvitationPage, listInvitations } from './list.ts';
import { withdrawScopes } from './revoke.ts';
import { grantedInput, type InvitationInput, type InvitationQuery, invitationQueryInput } from './schema.ts';
import {
  type Invitation,
  type InvitationRow,
  invitationQuery,
  type MadeInvitation,
  type Redemption,
  SET_UP_ID,
  toInvitation,
} from './store.ts';

const SET_UP_HOURS = 24;
/** The power to invite. */
export const INVITE = 'latchkey:invitations';

const notFound = (id: string) =>
  new LatchkeyError('not_found', 'invitation_not_found', `There is no invitation with the id ${id}.`);

export interface InvitationDeps {
  knex: Knex;
  issuer: string;
  /** Whether a list of powers covers a scope. */
  covers(powers: string[], scope: string): boolean;
}

/** Invitations and the ledger of who came in by them; each change and its audit row in one transaction. */
export function createInvitations(deps: InvitationDeps) {
  const { knex, covers } = deps;
  const urlOf = (code: string) => `${deps.issuer}/invitation?code=${code}`;

  /** @returns the powers of who asks @throws LatchkeyError forbidden */
  async function powersOf(actor: Actor, power: string): Promise<string[]> {
    if (actor.accountId === null) return ['*:*'];
    const row = await knex('T_accounts').where({ id: actor.accountId, is_active: true }).first('scopes');
    const powers: string[] = row ? JSON.parse(row.scopes) : [];
    if (!covers(powers, power))
      throw new LatchkeyError('forbidden', 'power_required', `This needs the power ${power}.`);
    return powers;
  }

  async function get(source: Knex, id: string): Promise<InvitationRow> {
    const row = await invitationQuery(source).where('i.id', id).first();
    if (!row) throw notFound(id);
    return row;
  }

  /** The set-up link and who came in by it are there for who may do everything; for others there is no such one. */
  function refuseSetUp(id: string, powers: string[]): void {
    if (id === SET_UP_ID && !powers.includes('*:*')) throw notFound(id);
  }

  /** Taking back what somebody else gave needs the powers to give it: who may only invite disarms no administrator. */
  async function refuseBeyond(
    trx: Knex.Transaction,
    row: InvitationRow,
    actor: Actor,
    powers: string[],
  ): Promise<void> {
    if (powers.includes('*:*') || actor.accountId === row.created_by) return;
    const held = await rolesOf(trx, actor.accountId ?? '');
    const scopes: string[] = JSON.parse(row.scopes);
    const beyond = scopes.find((scope) => !PROTOCOL_SCOPES.has(scope) && !covers(powers, scope));
    const role = (JSON.parse(row.roles) as string[]).find((one) => !held.includes(one));
    if (beyond !== undefined || role !== undefined)
      throw new LatchkeyError(
        'forbidden',
        'grant_beyond_own_powers',
        `You do not hold ${beyond ?? `the role ${role}`}, so you cannot take it back. Nothing was changed.`,
      );
  }

  async function once(work: (trx: Knex.Transaction) => Promise<void>): Promise<void> {
    try {
      await inTransaction(knex, work);
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      throw new LatchkeyError(
        'conflict',
        'invitations_already_created',
        'These invitations were made already. Nothing was done twice.',
        { cause: error },
      );
    }
  }

  /** Whether an active account holds `latchkey:*`. */
  async function isAdministered(source: Knex): Promise<boolean> {
    const row = await source('T_accounts')
      .where({ is_active: true })
      .where((any) => any.where('scopes', 'like', '%"*:*"%').orWhere('scopes', 'like', '%"latchkey:*"%'))
      .first('id');
    return row !== undefined;
  }

  return {
    isAdministered,

    /**
     * Makes `count` invitations alike, each with a code of its own.
     * @param firstId the id of the first one: who gives the same again makes nothing twice
     * @throws LatchkeyError invalid_input; forbidden for who may not invite, or grants what they do not hold;
     *   conflict when there is an invitation with that id
     */
    async create(
      actor: Actor,
      given: InvitationInput,
      count: number | string = 1,
      firstId = uuidv7(),
    ): Promise<MadeInvitation[]> {
      const powers = await powersOf(actor, INVITE);
      const roles = powers.includes('*:*') ? undefined : await rolesOf(knex, actor.accountId ?? '');
      const schema = grantedInput(
        (scope) => covers(powers, scope),
        (role) => !roles || roles.includes(role),
      );
      const input = parse(schema, { ...given, count });
      const made = Array.from({ length: input.count }, (_, index) => ({
        id: index === 0 ? firstId : uuidv7(),
        code: makeCode(),
      }));
      const rows = made.map(({ id, code }) => ({
        id,
        created_at: new Date(),
        code_hash: codeHash(code) as string,
        label: input.label || null,
        email: input.email ?? null,
        scopes: JSON.stringify(input.scope),
        roles: JSON.stringify([...new Set(input.roles)]),
        by_operator: actor.accountId === null,
        created_by: actor.accountId,
        max_uses: input.maxUses,
        uses: 0,
        expires_at: input.expiresIn,
      }));
      await once(async (trx) => {
        for (let from = 0; from < rows.length; from += 50)
          await trx('T_invitations').insert(rows.slice(from, from + 50));
        for (const { id } of made) {
          await recordEventIn(trx, {
            action: 'invitation.created',
            actorId: actor.accountId,
            target: id,
            details: { scope: input.scope.join(' '), roles: input.roles, max_uses: input.maxUses },
          });
        }
      });
      const codes = new Map(made.map(({ id, code }) => [id, code]));
      const stored = await invitationQuery(knex)
        .whereIn('i.id', [...codes.keys()])
        .orderBy('i.id');
      return stored.map((row) => {
        const code = codes.get(row.id) as string;
        return { ...toInvitation(row), code, url: urlOf(code) };
      });
    },

    /**
     * The newest first.
     * @returns a page of them, and the `after` of the next one
     * @throws LatchkeyError invalid_input, forbidden
     */
    async list(actor: Actor, query: InvitationQuery = {}): Promise<InvitationPage> {
      await powersOf(actor, `${INVITE}.read`);
      return listInvitations(knex, parse(invitationQueryInput, query));
    },

    /** An invitation and who came in by it. @throws LatchkeyError forbidden, not_found */
    async show(actor: Actor, id: string): Promise<Invitation & { redemptions: Redemption[] }> {
      refuseSetUp(id, await powersOf(actor, `${INVITE}.read`));
      const row = await get(knex, id);
      const ledger = await knex('T_invitation_redemptions as r')
        .leftJoin('T_accounts as a', 'a.id', 'r.redeemed_by')
        .where('r.invitation_id', id)
        .orderBy('r.id')
        .select('a.username', 'r.redeemed_at', 'r.ip_address', 'r.scopes', 'r.roles');
      const redemptions = ledger.map((one) => ({
        username: one.username,
        redeemed_at: toDate(one.redeemed_at).toISOString(),
        ip_address: one.ip_address,
        scopes: JSON.parse(one.scopes),
        roles: JSON.parse(one.roles),
      }));
      return { ...toInvitation(row), redemptions };
    },

    /**
     * Nobody comes in by it any more.
     * @param options `withdraw`: those who did also lose what it gave them
     * @returns the invitation, and the usernames from whom something was withdrawn
     * @throws LatchkeyError forbidden, not_found
     */
    async revoke(
      actor: Actor,
      id: string,
      options: { withdraw?: boolean } = {},
    ): Promise<Invitation & { withdrawn_from: string[] }> {
      const powers = await powersOf(actor, INVITE);
      refuseSetUp(id, powers);
      return inTransaction(knex, async (trx) => {
        await trx('T_invitations').where({ id }).whereNull('revoked_at').update({ revoked_at: new Date() });
        const row = await get(trx, id);
        if (options.withdraw) await refuseBeyond(trx, row, actor, powers);
        const withdrawn_from = options.withdraw ? await withdrawScopes(trx, id) : [];
        await recordEventIn(trx, {
          action: 'invitation.revoked',
          actorId: actor.accountId,
          target: id,
          details: { withdrawn_from },
        });
        return { ...toInvitation(row), withdrawn_from };
      });
    },

    /**
     * A link that makes the first administrator, good once and for a day; an earlier one is good no more.
     * @throws LatchkeyError conflict when somebody administers this server already
     */
    async setUpLink(actor: Actor): Promise<{ url: string; expires_at: string }> {
      const code = makeCode();
      const expires_at = new Date(Date.now() + SET_UP_HOURS * 3_600_000);
      const row = {
        created_at: new Date(),
        code_hash: codeHash(code) as string,
        label: 'The first administrator',
        scopes: '["*:*"]',
        roles: '[]',
        by_operator: true,
        max_uses: 1,
        uses: 0,
        revoked_at: null,
        expires_at,
      };
      await inTransaction(knex, async (trx) => {
        const known = await trx('T_invitations').where({ id: SET_UP_ID }).update(row);
        if (known === 0) await trx('T_invitations').insert({ id: SET_UP_ID, ...row });
        if (await isAdministered(trx))
          throw new LatchkeyError(
            'conflict',
            'already_administered',
            'This server has an administrator. They make invitations: latchkey invite create --as USERNAME',
          );
        await recordEventIn(trx, { action: 'set_up_link.created', actorId: actor.accountId });
      });
      return { url: urlOf(code), expires_at: expires_at.toISOString() };
    },
  };
}

export type Invitations = ReturnType<typeof createInvitations>;
