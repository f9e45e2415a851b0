import type { Knex } from 'knex';
import { PROTOCOL_SCOPES } from '../../access/scopes.ts';
import { recordEventIn } from '../../audit/index.ts';
import { toDate } from '../../database/instants.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { insertAccount, insertRoles, rolesOf, takenUsername } from '../accounts/store.ts';
import { makeLink } from '../recovery/links.ts';
import { codeHash } from './codes.ts';
import { replaceScopes } from './revoke.ts';
import { INVITE, type InvitationDeps } from './service.ts';
import { type InvitationRow, invitationQuery, SET_UP_ID, stateOf } from './store.ts';

/** What a person is told of an invitation before they use it. */
export interface Offer {
  /** Who invites, or none for the operator of this server. */
  inviter: string | null;
  /** Makes the first administrator. */
  isSetUp: boolean;
  label: string | null;
  email: string | null;
  scopes: string[];
  roles: string[];
  expiresAt: Date | null;
}

/** `isUnknown`: a code that was never given out, which may be a guess. */
export type Look = { offer: Offer } | { refusal: LatchkeyError; isUnknown: boolean };

export interface Redeemed {
  accountId: string;
  email: string | null;
  token: string | undefined;
}

export interface Newcomer {
  code: string;
  username: string;
  name: string | null;
  email: string | null;
  passwordHash?: string;
  from?: Origin;
  /** The account's id, where a passkey was made for it already. */
  id?: string;
  /** What else belongs to the new account, in the same transaction. */
  also?(trx: Knex.Transaction, accountId: string): Promise<unknown>;
}

const SENTENCES = {
  unknown: 'This is not an invitation code of ours. Check it, or ask whoever gave it to you.',
  expired: 'This invitation has expired.',
  used: 'This invitation has been used.',
  revoked: 'This invitation was withdrawn.',
};

/** Why an invitation cannot be used, and whom to ask for a new one. */
function refusalOf(state: keyof typeof SENTENCES, row?: InvitationRow): LatchkeyError {
  const whom = row?.inviter_name ?? row?.inviter ?? 'whoever invited you';
  const message = state === 'unknown' ? SENTENCES.unknown : `${SENTENCES[state]} Ask ${whom} for a new one.`;
  return new LatchkeyError('invalid_input', `invitation_${state}`, message);
}

/** Coming in by an invitation: who holds its code may make one account, or add what it grants to theirs. */
export function createRedemption(deps: InvitationDeps & Pick<Invitations, 'isAdministered'>) {
  const { knex, covers } = deps;

  /** What the invitation gives today: its maker grants only what they still hold. */
  async function granted(source: Knex, row: InvitationRow): Promise<{ scopes: string[]; roles: string[] }> {
    const scopes: string[] = JSON.parse(row.scopes);
    const roles: string[] = JSON.parse(row.roles);
    if (row.by_operator) return { scopes, roles };
    const powers: string[] = JSON.parse(row.inviter_scopes ?? '[]');
    if (row.created_by === null || !covers(powers, INVITE)) return { scopes: [], roles: [] };
    const held = roles.length > 0 ? await rolesOf(source, row.created_by) : [];
    return {
      scopes: scopes.filter((scope) => PROTOCOL_SCOPES.has(scope) || covers(powers, scope)),
      roles: roles.filter((role) => powers.includes('*:*') || held.includes(role)),
    };
  }

  const find = (source: Knex, hash: string | undefined) =>
    hash === undefined
      ? Promise.resolve(undefined)
      : invitationQuery(source).where('i.code_hash', hash).first<InvitationRow | undefined>();

  /** One statement uses it up; when it does not, says why. */
  async function use(trx: Knex.Transaction, code: string): Promise<InvitationRow> {
    const hash = codeHash(code);
    const now = new Date();
    const used = await trx('T_invitations')
      .where({ code_hash: hash ?? '' })
      .whereNull('revoked_at')
      .where('uses', '<', trx.ref('max_uses'))
      .where((either) => either.whereNull('expires_at').orWhere('expires_at', '>', now))
      .increment('uses', 1);
    const row = await find(trx, hash);
    if (!row) throw refusalOf('unknown');
    const before = stateOf({ ...row, uses: row.uses - used }, now);
    if (used === 0 || before === 'revoked') throw refusalOf(before === 'waiting' ? 'used' : before, row);
    if (row.id === SET_UP_ID && (await deps.isAdministered(trx))) throw refusalOf('used');
    return row;
  }

  async function note(
    trx: Knex.Transaction,
    row: InvitationRow,
    accountId: string,
    given: { scopes: string[]; roles: string[] },
    from: Origin | undefined,
  ): Promise<void> {
    const now = new Date();
    await trx('T_invitation_redemptions').insert({
      id: uuidv7(),
      created_at: now,
      invitation_id: row.id,
      redeemed_by: accountId,
      scopes: JSON.stringify(given.scopes),
      roles: JSON.stringify(given.roles),
      redeemed_at: now,
      ip_address: from?.ip?.slice(0, 45) ?? null,
    });
    const details = { scope: given.scopes.join(' '), roles: given.roles };
    await recordEventIn(trx, { action: 'invitation.redeemed', accountId, target: row.id, details }, from);
  }

  return {
    /** Reads only: nothing is used up by looking. */
    async look(code: string): Promise<Look> {
      const row = await find(knex, codeHash(code));
      const state = row ? stateOf(row) : 'unknown';
      if (!row || state !== 'waiting')
        return { refusal: refusalOf(state as 'unknown', row), isUnknown: !row };
      return {
        offer: {
          inviter: row.inviter_name ?? row.inviter,
          isSetUp: row.id === SET_UP_ID,
          label: row.label,
          email: row.email,
          ...(await granted(knex, row)),
          expiresAt: row.expires_at === null ? null : toDate(row.expires_at),
        },
      };
    },

    /** @throws LatchkeyError conflict when an account has that username */
    async refuseTaken(username: string): Promise<void> {
      if (await knex('T_accounts').where({ username }).first('id')) throw takenUsername(undefined);
    },

    /**
     * Account, credential, redemption and audit in one transaction, or none of them.
     * @param given checked by the caller; the address counts only where the invitation names none
     * @returns the account's id, and the token of a link by which the address is confirmed
     * @throws LatchkeyError invalid_input when the invitation is good no more; conflict when the username is taken
     */
    async redeem(given: Newcomer): Promise<Redeemed> {
      try {
        return await inTransaction(knex, async (trx) => {
          const row = await use(trx, given.code);
          const what = await granted(trx, row);
          const email = row.email ?? given.email;
          const id = await insertAccount(trx, { ...given, ...what, email }, { emailIfFree: true });
          // Whether the address is free or not: so the account's own page cannot tell either.
          const token =
            email === null
              ? undefined
              : await makeLink(trx, { accountId: id, purpose: 'verify_email', email });
          const { username } = given;
          await recordEventIn(
            trx,
            { action: 'account.created', accountId: id, target: username },
            given.from,
          );
          await note(trx, row, id, what, given.from);
          await given.also?.(trx, id);
          return { accountId: id, email, token };
        });
      } catch (error) {
        throw isDuplicate(error) ? takenUsername(error) : error;
      }
    },

    /**
     * Adds what the invitation grants to an account that is there.
     * @returns what was added @throws LatchkeyError invalid_input, conflict when this account used it before
     */
    async add(accountId: string, code: string, from?: Origin): Promise<string[]> {
      try {
        return await inTransaction(knex, async (trx) => {
          const row = await use(trx, code);
          const { scopes, roles } = await granted(trx, row);
          if (row.email !== null) {
            const own = await trx('T_accounts')
              .where({ id: accountId, email: row.email, email_verified: true })
              .first('id');
            if (!own)
              throw new LatchkeyError(
                'forbidden',
                'invitation_for_another_address',
                'This invitation is for another e-mail address than yours.',
              );
          }
          const { before, after } = await replaceScopes(trx, accountId, (held) => [
            ...new Set([...held, ...scopes]),
          ]);
          const added = after.slice(before.length);
          const gained = { scopes: added, roles: await insertRoles(trx, accountId, roles) };
          await note(trx, row, accountId, gained, from);
          return added;
        });
      } catch (error) {
        if (!isDuplicate(error)) throw error;
        throw new LatchkeyError(
          'conflict',
          'invitation_already_redeemed',
          'You have used this invitation before. Nothing was changed.',
          { cause: error },
        );
      }
    },
  };
}

type Invitations = { isAdministered(source: Knex): Promise<boolean> };
export type Redemptions = ReturnType<typeof createRedemption>;
