import type { Knex } from 'knex';
import { type Actor, recordIn } from '../../audit/index.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { toDate } from '../../kit/instants.ts';
import { parse } from '../../kit/parse.ts';
import { inTransaction } from '../../kit/transaction.ts';
import { rolesOf } from '../accounts/insert.ts';
import { codeHash, makeCode } from './codes.ts';
import {
  type Invitation,
  type InvitationRow,
  invitationQuery,
  type MadeInvitation,
  type Redemption,
  SET_UP_ID,
  toInvitation,
} from './model.ts';
import { type InvitationInput, invitationInput } from './schema.ts';
import { withdrawScopes } from './withdraw.ts';

const SET_UP_HOURS = 24;
/** The power to invite. */
export const INVITE = 'latchkey:invitations';
/** What needs no power to give: it opens nothing by itself. */
export const FREE_SCOPES = ['openid', 'offline_access'];

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
    if (!covers(powers, power)) throw new LatchkeyError('forbidden', `This needs the power ${power}.`);
    return powers;
  }

  async function get(source: Knex, id: string): Promise<InvitationRow> {
    const row = await invitationQuery(source).where('i.id', id).first();
    if (!row) throw new LatchkeyError('not_found', `There is no invitation with the id ${id}.`);
    return row;
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
     * @throws LatchkeyError invalid_input; forbidden for who may not invite, or grants what they do not hold
     */
    async create(actor: Actor, given: InvitationInput, count = 1): Promise<MadeInvitation[]> {
      const input = parse(invitationInput, given);
      if (!Number.isInteger(count) || count < 1 || count > 1000)
        throw new LatchkeyError('invalid_input', 'Make 1 to 1000 invitations at a time.');
      const powers = await powersOf(actor, INVITE);
      const beyond = input.scope.find((scope) => !FREE_SCOPES.includes(scope) && !covers(powers, scope));
      if (beyond !== undefined)
        throw new LatchkeyError('forbidden', `You do not hold ${beyond}, so you cannot grant it.`);
      if (actor.accountId !== null && input.roles.length > 0 && !powers.includes('*:*')) {
        const held = await rolesOf(knex, actor.accountId);
        const role = input.roles.find((one) => !held.includes(one));
        if (role !== undefined)
          throw new LatchkeyError('forbidden', `You do not hold the role ${role}, so you cannot grant it.`);
      }
      const made = Array.from({ length: count }, () => ({ id: uuidv7(), code: makeCode() }));
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
        was_mailed: false,
        max_uses: input.maxUses,
        uses: 0,
        expires_at: input.expiresIn,
      }));
      await inTransaction(knex, async (trx) => {
        for (let from = 0; from < rows.length; from += 50)
          await trx('T_invitations').insert(rows.slice(from, from + 50));
        for (const { id } of made) {
          await recordIn(trx, {
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
     * An invitation was mailed to the address that it is bound to: coming in by it then also confirms the address.
     * Only for one whose code nobody else was shown.
     */
    async mailed(id: string): Promise<void> {
      await knex('T_invitations').where({ id }).whereNotNull('email').update({ was_mailed: true });
    },

    /** The newest first, at most 1000. @throws LatchkeyError forbidden */
    async list(actor: Actor): Promise<Invitation[]> {
      await powersOf(actor, `${INVITE}.read`);
      const rows = await invitationQuery(knex)
        .whereNot('i.id', SET_UP_ID)
        .orderBy('i.created_at', 'desc')
        .orderBy('i.id', 'desc')
        .limit(1000);
      return rows.map(toInvitation);
    },

    /** An invitation and who came in by it. @throws LatchkeyError forbidden, not_found */
    async show(actor: Actor, id: string): Promise<Invitation & { redemptions: Redemption[] }> {
      await powersOf(actor, `${INVITE}.read`);
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
      await powersOf(actor, INVITE);
      return inTransaction(knex, async (trx) => {
        await trx('T_invitations').where({ id }).whereNull('revoked_at').update({ revoked_at: new Date() });
        const row = await get(trx, id);
        const withdrawn_from = options.withdraw ? await withdrawScopes(trx, id) : [];
        await recordIn(trx, {
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
        was_mailed: false,
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
            'This server has an administrator. They make invitations: latchkey invite create --as USERNAME',
          );
        await recordIn(trx, { action: 'set_up_link.created', actorId: actor.accountId });
      });
      return { url: urlOf(code), expires_at: expires_at.toISOString() };
    },
  };
}

export type Invitations = ReturnType<typeof createInvitations>;
