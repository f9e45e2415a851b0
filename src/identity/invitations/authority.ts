import type { Knex } from 'knex';
import { PROTOCOL_SCOPES } from '../../access/scopes.ts';
import type { Actor } from '../../audit/index.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { SET_UP_ID, type StoredInvitation } from './store.ts';

/** The scope to invite people. */
export const INVITE = 'latchkey:invitations';

export interface Grants {
  scopes: string[];
  roles: string[];
}

export interface AuthorityDeps {
  knex: Knex;
  /** Whether a list of scopes covers a scope. */
  covers(scopes: string[], scope: string): boolean;
  findAccount(
    source: Knex,
    filter: { id: string; is_active: true },
  ): Promise<{ scopes: string[] } | undefined>;
  listGlobalRoles(source: Knex, accountId: string): Promise<string[]>;
}

export const invitationNotFound = (id: string) =>
  new LatchkeyError('not_found', 'invitation_not_found', `There is no invitation with the id ${id}.`);

/** Decides which invitations an actor may create, see and revoke. */
export function createAuthority(deps: AuthorityDeps) {
  const { knex, covers } = deps;

  const isCovered = (actorScopes: string[], scope: string) =>
    PROTOCOL_SCOPES.has(scope) || covers(actorScopes, scope);

  return {
    /** Checks that the actor may do this. @returns all scopes of the actor @throws LatchkeyError forbidden when `requiredScope` is not among them */
    async requireScope(actor: Actor, requiredScope: string): Promise<string[]> {
      if (actor.accountId === null) return ['*:*'];
      const account = await deps.findAccount(knex, { id: actor.accountId, is_active: true });
      const actorScopes = account?.scopes ?? [];
      if (covers(actorScopes, requiredScope)) return actorScopes;
      throw new LatchkeyError(
        'forbidden',
        'scope_required',
        `You need the scope ${requiredScope} to do this.`,
      );
    },

    /** Hides the set-up link from everyone but administrators with full access. @throws LatchkeyError not_found for others */
    checkVisible(id: string, actorScopes: string[]): void {
      if (id === SET_UP_ID && !actorScopes.includes('*:*')) throw invitationNotFound(id);
    },

    /** @returns two tests: whether the actor may grant a scope, and whether they may grant a role */
    async grantable(actor: Actor, actorScopes: string[]) {
      const roles = actorScopes.includes('*:*')
        ? undefined
        : await deps.listGlobalRoles(knex, actor.accountId ?? '');
      return {
        holdsScope: (scope: string) => covers(actorScopes, scope),
        holdsRole: (role: string) => roles === undefined || roles.includes(role),
      };
    },

    /**
     * Checks that the actor could grant what they withdraw, also if they granted it. Otherwise people who may only invite,
     * and administrators who were demoted, could take scopes and roles away from administrators.
     * @throws LatchkeyError forbidden
     */
    async checkMayWithdraw(
      trx: Knex.Transaction,
      invitation: StoredInvitation,
      actor: Actor,
      actorScopes: string[],
    ): Promise<void> {
      if (actorScopes.includes('*:*')) return;
      const roles = await deps.listGlobalRoles(trx, actor.accountId ?? '');
      const missingScope = invitation.scopes.find((scope) => !isCovered(actorScopes, scope));
      const missingRole = invitation.roles.find((role) => !roles.includes(role));
      if (missingScope === undefined && missingRole === undefined) return;
      throw new LatchkeyError(
        'forbidden',
        'grant_beyond_own_scopes',
        `You do not hold ${missingScope ?? `the role ${missingRole}`}, so you cannot withdraw it. Nothing was changed.`,
      );
    },

    /** What an invitation grants now: the account that created it can grant only what it still holds. */
    async findGrants(source: Knex, invitation: StoredInvitation): Promise<Grants> {
      const { scopes, roles, inviter } = invitation;
      if (invitation.isByOperator) return { scopes, roles };
      if (!inviter || !covers(inviter.scopes, INVITE)) return { scopes: [], roles: [] };
      const held = roles.length > 0 ? await deps.listGlobalRoles(source, inviter.id) : [];
      return {
        scopes: scopes.filter((scope) => isCovered(inviter.scopes, scope)),
        roles: roles.filter((role) => inviter.scopes.includes('*:*') || held.includes(role)),
      };
    },
  };
}

export type Authority = ReturnType<typeof createAuthority>;
