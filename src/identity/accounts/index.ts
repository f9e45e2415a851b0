import { createProfiles, type ProfileDeps } from './profile.ts';
import { createRoles } from './roles.ts';
import { type AccountServiceDeps, createAccountService } from './service.ts';

export type AccountsDeps = ProfileDeps & Omit<AccountServiceDeps, 'getProfile'>;

/** Accounts, their profiles and their roles. */
export function createAccounts(deps: AccountsDeps) {
  const { getProfile } = createProfiles(deps);
  return {
    ...createAccountService({ ...deps, getProfile }),
    roles: createRoles({ knex: deps.knex, getProfile }),
  };
}

export type Accounts = ReturnType<typeof createAccounts>;
