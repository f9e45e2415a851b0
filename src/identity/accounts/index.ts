import { createRoles, type RolesDeps } from './application-roles.ts';
import { createOwnProfile, type OwnProfileDeps } from './change-own-profile.ts';
import { type ClosingDeps, createClosing } from './closing.ts';
import { createPictures } from './picture-store.ts';
import { createProfiles, type ProfileDeps } from './read-profile.ts';
import { type AccountServiceDeps, createAccountService } from './service.ts';

export type AccountsDeps = { issuer: string } & ProfileDeps &
  OwnProfileDeps &
  ClosingDeps &
  Omit<AccountServiceDeps & RolesDeps, 'getProfile'>;

/** Accounts, their profiles and their roles. */
export function createAccounts(deps: AccountsDeps) {
  const { getProfile } = createProfiles(deps);
  return {
    ...createAccountService({ ...deps, getProfile }),
    roles: createRoles({ ...deps, getProfile }),
    own: createOwnProfile(deps),
    closing: createClosing(deps),
    pictures: createPictures(deps),
  };
}

export type Accounts = ReturnType<typeof createAccounts>;
