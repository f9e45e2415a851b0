import type { Knex } from 'knex';
import { LatchkeyError } from '../../kit/errors.ts';
import { type AccountRole, listRoles } from './application-role-store.ts';
import { type Account, type AccountFilter, findAccount } from './store.ts';

/** An invitation that the account used, and what it added. */
interface RedeemedInvitation {
  id: string;
  label: string | null;
  /** Null for the operator. */
  invited_by: string | null;
  redeemed_at: string;
  scopes: string[];
  roles: string[];
}

/** An account with everything that a profile page or `latchkey account show` needs. */
export interface Profile extends Account {
  /** A requested e-mail address that is not confirmed yet. */
  pending_email: string | null;
  has_password: boolean;
  roles: AccountRole[];
  /** Oldest first. The account was created with the first one, unless an operator created it. */
  invitations: RedeemedInvitation[];
}

export interface ProfileDeps {
  hasPassword(source: Knex, accountId: string): Promise<boolean>;
  findPendingEmail(source: Knex, accountId: string): Promise<string | null>;
  listRedeemedInvitations(source: Knex, accountId: string): Promise<RedeemedInvitation[]>;
}

export const accountNotFound = (which: string) =>
  new LatchkeyError('not_found', 'account_not_found', `There is no account with ${which}.`);

/** What is known of an account that was not found, after "There is no account with". */
export const describeFilter = (filter: AccountFilter) =>
  'username' in filter ? `the username ${filter.username}` : 'that id';

export function createProfiles(deps: ProfileDeps) {
  return {
    /** @throws LatchkeyError not_found */
    async getProfile(source: Knex, filter: AccountFilter): Promise<Profile> {
      const account = await findAccount(source, filter);
      if (!account) throw accountNotFound(describeFilter(filter));
      const { id } = account;
      return {
        ...account,
        pending_email: await deps.findPendingEmail(source, id),
        has_password: await deps.hasPassword(source, id),
        roles: await listRoles(source, id),
        invitations: await deps.listRedeemedInvitations(source, id),
      };
    },
  };
}

export type Profiles = ReturnType<typeof createProfiles>;
