import { type AuthorityDeps, createAuthority } from './authority.ts';
import { createInvitationMail, type InvitationMailDeps } from './mail.ts';
import { createOffers } from './offer.ts';
import { createRedemption, type RedemptionDeps } from './redeem.ts';
import { createRevocation, type RevocationDeps } from './revoke.ts';
import { createInvitationService, type InvitationServiceDeps } from './service.ts';
import { createSetUp, type SetUpDeps } from './set-up.ts';
import { createSignUp, type SignUpDeps } from './sign-up.ts';

export type InvitationsDeps = AuthorityDeps &
  Pick<InvitationServiceDeps, 'secrets'> &
  SetUpDeps &
  Omit<RevocationDeps, 'authority'> &
  Omit<RedemptionDeps, 'authority'> &
  Omit<SignUpDeps, 'redeem'> &
  Omit<InvitationMailDeps, 'revoke'>;

/** Invitations, and creating accounts with them. */
export function createInvitations(deps: InvitationsDeps) {
  const authority = createAuthority(deps);
  const { revoke, revokeBatch } = createRevocation({ ...deps, authority });
  const { redeem, addToAccount } = createRedemption({ ...deps, authority });
  return {
    ...createInvitationService({ ...deps, authority }),
    ...createSetUp(deps),
    ...createOffers({ ...deps, authority }),
    ...createSignUp({ ...deps, redeem }),
    ...createInvitationMail({ ...deps, revoke }),
    revoke,
    revokeBatch,
    redeem,
    addToAccount,
  };
}

export type Invitations = ReturnType<typeof createInvitations>;
