import type { Knex } from 'knex';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import { type Authority, INVITE, invitationNotFound } from './authority.ts';
import { type Invitation, toInvitation } from './invitation.ts';
import { listRedeemers } from './redemption-store.ts';
import { findInvitation, listUnrevokedIds, markRevoked } from './store.ts';

export interface RevocationDeps {
  knex: Knex;
  authority: Authority;
  /** @throws LatchkeyError unauthenticated, forbidden when nobody could administer the server afterwards */
  keepAdministrator(
    trx: Knex.Transaction,
    actor: Actor,
    accounts: { id: string }[],
    change: () => Promise<void>,
  ): Promise<void>;
  /** @throws LatchkeyError conflict when another request changed them concurrently */
  replaceScopes(
    trx: Knex.Transaction,
    accountId: string,
    change: (scopes: string[]) => string[],
  ): Promise<unknown>;
  deleteGlobalRoles(trx: Knex.Transaction, accountId: string, roles: string[]): Promise<void>;
  revokeAccessTokens(trx: Knex.Transaction, accountId: string): Promise<void>;
}

export function createRevocation(deps: RevocationDeps) {
  const { knex, authority } = deps;

  /**
   * Takes the scopes and roles that an invitation added from the accounts that used it, and revokes their access tokens.
   * @returns their usernames
   */
  async function withdrawGrants(
    trx: Knex.Transaction,
    actor: Actor,
    invitationId: string,
  ): Promise<string[]> {
    const redeemers = await listRedeemers(trx, invitationId);
    const filters = redeemers.map(({ accountId }) => ({ id: accountId }));
    await deps.keepAdministrator(trx, actor, filters, async () => {
      for (const { accountId, scopes, roles } of redeemers) {
        const withdrawn = new Set(scopes);
        await deps.replaceScopes(trx, accountId, (held) => held.filter((scope) => !withdrawn.has(scope)));
        await deps.deleteGlobalRoles(trx, accountId, roles);
        await deps.revokeAccessTokens(trx, accountId);
      }
    });
    return redeemers.map(({ username }) => username);
  }

  return {
    /**
     * Revokes an invitation, so that nobody else can use it.
     * @param options `withdraw`: also withdraws what it granted to accounts that have used it
     * @returns the invitation, and the usernames of those accounts
     * @throws LatchkeyError forbidden, not_found; unauthenticated when the actor's own account was disabled concurrently
     */
    async revoke(
      actor: Actor,
      id: string,
      options: { withdraw?: boolean } = {},
    ): Promise<Invitation & { withdrawn_from: string[] }> {
      const actorScopes = await authority.requireScope(actor, INVITE);
      authority.checkVisible(id, actorScopes);
      return inTransaction(knex, async (trx) => {
        await markRevoked(trx, id);
        const invitation = await findInvitation(trx, { id });
        if (!invitation) throw invitationNotFound(id);
        if (options.withdraw) await authority.checkMayWithdraw(trx, invitation, actor, actorScopes);
        const withdrawn_from = options.withdraw ? await withdrawGrants(trx, actor, id) : [];
        await recordEventIn(trx, {
          action: 'invitation.revoked',
          actorId: actor.accountId,
          target: id,
          details: { withdrawn_from },
        });
        return { ...toInvitation(invitation), withdrawn_from };
      });
    },

    /**
     * Revokes every invitation that was created together with this one. People who used one keep what it granted.
     * @returns how many were revoked
     * @throws LatchkeyError forbidden
     */
    async revokeBatch(actor: Actor, id: string): Promise<number> {
      await authority.requireScope(actor, INVITE);
      return inTransaction(knex, async (trx) => {
        const ids = await listUnrevokedIds(trx, id);
        for (const target of ids) {
          await markRevoked(trx, target);
          const details = { withdrawn_from: [] };
          await recordEventIn(trx, {
            action: 'invitation.revoked',
            actorId: actor.accountId,
            target,
            details,
          });
        }
        return ids.length;
      });
    },
  };
}
