import type { Knex } from 'knex';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { parse } from '../../kit/parse.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { type Authority, INVITE, invitationNotFound } from './authority.ts';
import { batchOf, newBatchKey } from './batch.ts';
import { invitationUrl } from './codes.ts';
import { grantedInput, type InvitationInput, type InvitationQuery, invitationQueryInput } from './input.ts';
import { type CreatedInvitation, type Invitation, toInvitation } from './invitation.ts';
import { type InvitationPage, listBatches, listInvitations } from './list.ts';
import { listRedemptions, type Redemption } from './redemption-store.ts';
import { findInvitation, findInvitations, insertInvitations } from './store.ts';

export interface InvitationServiceDeps {
  knex: Knex;
  issuer: string;
  authority: Authority;
  secrets: Pick<Secrets, 'csrfToken'>;
}

/** Creating and seeing invitations. Each change and its audit rows are one transaction. */
export function createInvitationService({ knex, issuer, authority, secrets }: InvitationServiceDeps) {
  /**
   * Runs `work`. If it fails because this very batch was inserted before (a form was sent twice), does nothing.
   * @param first the first invitation of the batch: the same id and code show that it is the same batch
   * @throws LatchkeyError conflict when another invitation has its id
   */
  async function insertOnce(
    first: { id: string; hash: string } | undefined,
    work: (trx: Knex.Transaction) => Promise<void>,
  ): Promise<void> {
    try {
      await inTransaction(knex, work);
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      const known = first && (await findInvitation(knex, { code_hash: first.hash }));
      if (known?.id === first?.id) return;
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
     * Creates `count` equal invitations, each with its own code.
     * @param key of `newBatchKey`: with the same one, a repeated request creates nothing twice and returns the same codes
     * @throws LatchkeyError invalid_input; forbidden when the actor may not invite, or grants what they do not hold;
     *   conflict when the key was used for other invitations
     */
    async create(
      actor: Actor,
      input: InvitationInput,
      count: number | string = 1,
      key = newBatchKey(),
    ): Promise<CreatedInvitation[]> {
      const actorScopes = await authority.requireScope(actor, INVITE);
      const { holdsScope, holdsRole } = await authority.grantable(actor, actorScopes);
      const parsed = parse(grantedInput(holdsScope, holdsRole), { ...input, count });
      const { scope: scopes, maxUses } = parsed;
      const roles = [...new Set(parsed.roles)];
      const batch = batchOf(secrets, key, parsed.count);
      const codes = new Map(batch.map(({ id, code }) => [id, code]));
      const invitations = batch.map(({ id, hash }) => ({
        id,
        codeHash: hash,
        label: parsed.label || null,
        email: parsed.email ?? null,
        scopes,
        roles,
        createdBy: actor.accountId,
        maxUses,
        expiresAt: parsed.expiresIn,
      }));
      const details = { scope: scopes.join(' '), roles, max_uses: maxUses };
      await insertOnce(batch[0], async (trx) => {
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
      await authority.requireScope(actor, `${INVITE}.read`);
      return listInvitations(knex, parse(invitationQueryInput, query));
    },

    /** The same, with those that were created together as one. @throws LatchkeyError invalid_input, forbidden */
    async listBatches(actor: Actor, query: InvitationQuery = {}) {
      await authority.requireScope(actor, `${INVITE}.read`);
      return listBatches(knex, parse(invitationQueryInput, query));
    },

    /** An invitation and the accounts that used it. @throws LatchkeyError forbidden, not_found */
    async show(actor: Actor, id: string): Promise<Invitation & { redemptions: Redemption[] }> {
      authority.checkVisible(id, await authority.requireScope(actor, `${INVITE}.read`));
      const invitation = await findInvitation(knex, { id });
      if (!invitation) throw invitationNotFound(id);
      return { ...toInvitation(invitation), redemptions: await listRedemptions(knex, id) };
    },
  };
}
