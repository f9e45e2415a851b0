import type { Knex } from 'knex';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { parse } from '../../kit/parse.ts';
import { type Authority, INVITE, invitationNotFound } from './authority.ts';
import { invitationUrl, makeHashedCode } from './codes.ts';
import { type CreatedInvitation, type Invitation, toInvitation } from './invitation.ts';
import { type InvitationPage, listInvitations } from './list.ts';
import { listRedemptions, type Redemption } from './redemption-store.ts';
import { grantedInput, type InvitationInput, type InvitationQuery, invitationQueryInput } from './schema.ts';
import { findInvitation, findInvitations, insertInvitations } from './store.ts';

export interface InvitationServiceDeps {
  knex: Knex;
  issuer: string;
  authority: Authority;
}

/** Creating and seeing invitations. Each change and its audit rows are one transaction. */
export function createInvitationService({ knex, issuer, authority }: InvitationServiceDeps) {
  /** @throws LatchkeyError conflict when there is an invitation with one of the ids */
  async function insertOnce(work: (trx: Knex.Transaction) => Promise<void>): Promise<void> {
    try {
      await inTransaction(knex, work);
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      throw new LatchkeyError(
        'conflict',
        'invitations_already_created',
        'These invitations were created already. Nothing was created twice.',
        { cause: error },
      );
    }
  }

  return {
    /**
     * Creates `count` equal invitations, each with a code of its own.
     * @param firstId the id of the first one, so that a request which is repeated creates nothing twice
     * @throws LatchkeyError invalid_input; forbidden when the actor may not invite, or grants what they do not hold;
     *   conflict when there is an invitation with that id
     */
    async create(
      actor: Actor,
      input: InvitationInput,
      count: number | string = 1,
      firstId = uuidv7(),
    ): Promise<CreatedInvitation[]> {
      const actorScopes = await authority.getActorScopes(actor, INVITE);
      const { holdsScope, holdsRole } = await authority.grantable(actor, actorScopes);
      const parsed = parse(grantedInput(holdsScope, holdsRole), { ...input, count });
      const { scope: scopes, maxUses } = parsed;
      const roles = [...new Set(parsed.roles)];
      const codes = new Map<string, string>();
      const invitations = Array.from({ length: parsed.count }, (_, index) => {
        const { code, hash } = makeHashedCode();
        const id = index === 0 ? firstId : uuidv7();
        codes.set(id, code);
        return {
          id,
          codeHash: hash,
          label: parsed.label || null,
          email: parsed.email ?? null,
          scopes,
          roles,
          createdBy: actor.accountId,
          maxUses,
          expiresAt: parsed.expiresIn,
        };
      });
      const details = { scope: scopes.join(' '), roles: parsed.roles, max_uses: maxUses };
      await insertOnce(async (trx) => {
        await insertInvitations(trx, invitations);
        for (const { id } of invitations)
          await recordEventIn(trx, {
            action: 'invitation.created',
            actorId: actor.accountId,
            target: id,
            details,
          });
      });
      const stored = await findInvitations(knex, [...codes.keys()]);
      return stored.map((invitation) => {
        const code = codes.get(invitation.id) as string;
        return { ...toInvitation(invitation), code, url: invitationUrl(issuer, code) };
      });
    },

    /** Newest first. @throws LatchkeyError invalid_input, forbidden */
    async list(actor: Actor, query: InvitationQuery = {}): Promise<InvitationPage> {
      await authority.getActorScopes(actor, `${INVITE}.read`);
      return listInvitations(knex, parse(invitationQueryInput, query));
    },

    /** An invitation and the accounts that used it. @throws LatchkeyError forbidden, not_found */
    async show(actor: Actor, id: string): Promise<Invitation & { redemptions: Redemption[] }> {
      authority.checkVisible(id, await authority.getActorScopes(actor, `${INVITE}.read`));
      const invitation = await findInvitation(knex, { id });
      if (!invitation) throw invitationNotFound(id);
      return { ...toInvitation(invitation), redemptions: await listRedemptions(knex, id) };
    },
  };
}
