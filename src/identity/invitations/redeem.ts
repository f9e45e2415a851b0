import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import type { MailSender } from '../mail/send.ts';
import type { NewCredential } from '../passkeys/registration.ts';
import type { Authority, Grants } from './authority.ts';
import { codeHash } from './codes.ts';
import { stateOf } from './invitation.ts';
import { cannotUse, unknownCode } from './offer.ts';
import { insertRedemption } from './redemption-store.ts';
import { countUse, findInvitation, SET_UP_ID, type StoredInvitation } from './store.ts';

/** An account to be created with an invitation. All fields were checked by the caller. */
export interface RedeemInput {
  code: string;
  username: string;
  name: string | null;
  /** Ignored when the invitation is bound to an address. */
  email: string | null;
  origin?: Origin;
  passwordHash?: string;
  /** The account's first passkey, and the id for which it was created. */
  id?: string;
  credential?: NewCredential;
  /** Links an account of another service, with which the new account is signed in to. */
  linkIdentity?(trx: Knex.Transaction, accountId: string): Promise<void>;
}

export interface RedeemResult {
  accountId: string;
  email: string | null;
  /** The token of the link that confirms the address. */
  verificationToken: string | undefined;
}

export interface RedemptionDeps {
  knex: Knex;
  /** `isEnabled`: whether addresses can be confirmed. */
  mail: Pick<MailSender, 'isEnabled'>;
  authority: Authority;
  hasAdministrator(source: Knex): Promise<boolean>;
  insertAccount(
    trx: Knex.Transaction,
    account: {
      id?: string;
      username: string;
      email: string | null;
      requested_email: string | null;
      name: string | null;
      scopes: string[];
    },
    options: { emailIfFree: true },
  ): Promise<string>;
  confirmEmail(trx: Knex.Transaction, accountId: string, email: string): Promise<boolean>;
  /** Takes an address from any account that never confirmed it. */
  releaseEmail(trx: Knex.Transaction, email: string): Promise<void>;
  insertPassword(
    trx: Knex.Transaction,
    password: { accountId: string; username: string; passwordHash: string },
  ): Promise<void>;
  addCredential(
    trx: Knex.Transaction,
    added: { accountId: string; credential: NewCredential; origin?: Origin },
  ): Promise<string>;
  insertGlobalRoles(trx: Knex.Transaction, accountId: string, roles: string[]): Promise<string[]>;
  createVerificationLink(trx: Knex.Transaction, accountId: string, email: string): Promise<string>;
  findAccount(
    source: Knex,
    filter: { id: string },
  ): Promise<{ email: string | null; email_verified: boolean } | undefined>;
  /** @throws LatchkeyError conflict when another request changed them concurrently */
  replaceScopes(
    trx: Knex.Transaction,
    accountId: string,
    change: (scopes: string[]) => string[],
  ): Promise<{ before: string[]; after: string[] }>;
  usernameTaken(cause?: unknown): LatchkeyError;
}

/** Using an invitation: to create an account, or to add what it grants to one. */
export function createRedemption(deps: RedemptionDeps) {
  const { knex, authority } = deps;

  /**
   * Uses an invitation once. One UPDATE decides; what is read afterwards only explains why it failed.
   * @throws LatchkeyError invalid_input when it cannot be used
   */
  async function useInvitation(trx: Knex.Transaction, code: string): Promise<StoredInvitation> {
    const hash = codeHash(code) ?? '';
    const now = new Date();
    const isCounted = await countUse(trx, hash, now);
    const invitation = await findInvitation(trx, { code_hash: hash });
    if (!invitation) throw unknownCode();
    const before = stateOf({ ...invitation, uses: invitation.uses - (isCounted ? 1 : 0) }, now);
    if (!isCounted || before === 'revoked')
      throw cannotUse(before === 'waiting' ? 'used' : before, invitation);
    if (invitation.id === SET_UP_ID && (await deps.hasAdministrator(trx)))
      throw cannotUse('used', invitation);
    return invitation;
  }

  async function recordRedemption(
    trx: Knex.Transaction,
    invitation: StoredInvitation,
    accountId: string,
    { scopes, roles }: Grants,
    origin: Origin | undefined,
  ): Promise<void> {
    const { id } = invitation;
    await insertRedemption(trx, { invitationId: id, accountId, scopes, roles, ip: origin?.ip });
    const details = { scope: scopes.join(' '), roles };
    await recordEventIn(trx, { action: 'invitation.redeemed', accountId, target: id, details }, origin);
  }

  /**
   * Whether the account has the address at once, if it is free. Otherwise it has none until it is confirmed, free or not:
   * applications would see the difference in the claim `email`. Without a mail server nothing could ever be confirmed.
   */
  const isReleased = ({ isMailed }: StoredInvitation) => isMailed || !deps.mail.isEnabled;

  return {
    /**
     * Creates the account, its password, passkey or linked identity, the redemption and the audit rows in one transaction.
     * @throws LatchkeyError invalid_input when the invitation cannot be used; conflict when the username is taken
     */
    async redeem(input: RedeemInput): Promise<RedeemResult> {
      const { id, username, name, passwordHash, credential, origin } = input;
      try {
        return await inTransaction(knex, async (trx) => {
          const invitation = await useInvitation(trx, input.code);
          const grants = await authority.findGrants(trx, invitation);
          const email = invitation.email ?? input.email;
          const account = {
            id,
            username,
            email: isReleased(invitation) ? email : null,
            requested_email: email,
            name,
            scopes: grants.scopes,
          };
          if (invitation.isMailed && email !== null) await deps.releaseEmail(trx, email);
          const accountId = await deps.insertAccount(trx, account, { emailIfFree: true });
          const isConfirmed =
            invitation.isMailed && email !== null && (await deps.confirmEmail(trx, accountId, email));
          if (passwordHash !== undefined)
            await deps.insertPassword(trx, { accountId, username, passwordHash });
          await deps.insertGlobalRoles(trx, accountId, grants.roles);
          // Whether or not the address is free, so that the account's own page does not reveal it either.
          const verificationToken =
            email === null || isConfirmed
              ? undefined
              : await deps.createVerificationLink(trx, accountId, email);
          await recordEventIn(trx, { action: 'account.created', accountId, target: username }, origin);
          await recordRedemption(trx, invitation, accountId, grants, origin);
          if (credential) await deps.addCredential(trx, { accountId, credential, origin });
          await input.linkIdentity?.(trx, accountId);
          return { accountId, email, verificationToken };
        });
      } catch (error) {
        throw isDuplicate(error) ? deps.usernameTaken(error) : error;
      }
    },

    /**
     * Adds what an invitation grants to an existing account.
     * @returns the scopes that the account did not have
     * @throws LatchkeyError invalid_input when the invitation cannot be used; forbidden when it is bound to another
     *   e-mail address; conflict when this account has used it before
     */
    async addToAccount(accountId: string, code: string, origin?: Origin): Promise<string[]> {
      try {
        return await inTransaction(knex, async (trx) => {
          const invitation = await useInvitation(trx, code);
          const grants = await authority.findGrants(trx, invitation);
          if (invitation.email !== null) await checkEmail(trx, accountId, invitation.email);
          const { before, after } = await deps.replaceScopes(trx, accountId, (held) => [
            ...new Set([...held, ...grants.scopes]),
          ]);
          const scopes = after.slice(before.length);
          const roles = await deps.insertGlobalRoles(trx, accountId, grants.roles);
          await recordRedemption(trx, invitation, accountId, { scopes, roles }, origin);
          return scopes;
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

  async function checkEmail(trx: Knex.Transaction, accountId: string, email: string): Promise<void> {
    const account = await deps.findAccount(trx, { id: accountId });
    if (account?.email === email && account.email_verified) return;
    throw new LatchkeyError(
      'forbidden',
      'invitation_for_another_address',
      'This invitation is for an e-mail address that is not the confirmed address of your account.',
    );
  }
}

export type InvitationRedemption = ReturnType<typeof createRedemption>;
