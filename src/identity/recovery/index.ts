import { createDisputes, type DisputesDeps } from './disputes.ts';
import { createEndEarlierCredentials, type EarlierCredentialsDeps } from './earlier-credentials.ts';
import { createEmailVerification, type EmailVerificationDeps } from './email-verification.ts';
import { createPasskeyRecovery, type PasskeyRecoveryDeps } from './passkey-recovery.ts';
import { createPasswordReset, type PasswordResetDeps } from './password-reset.ts';
import { type CodeRecoveryDeps, createCodeRecovery } from './recover-by-code.ts';

export type RecoveryDeps = Omit<PasswordResetDeps, 'endEarlierCredentials' | 'signOutEverywhere'> &
  EarlierCredentialsDeps &
  EmailVerificationDeps &
  PasskeyRecoveryDeps &
  CodeRecoveryDeps &
  DisputesDeps;

/** Links that lead back to an account, or prove that an e-mail address belongs to its owner. */
export function createRecovery(deps: RecoveryDeps) {
  return {
    /** Whether this server can send mail at all. */
    sendsMail: deps.mail.isEnabled,
    ...createPasswordReset({ ...deps, endEarlierCredentials: createEndEarlierCredentials(deps) }),
    ...createEmailVerification(deps),
    ...createPasskeyRecovery(deps),
    ...createCodeRecovery(deps),
    ...createDisputes(deps),
  };
}

export type Recovery = ReturnType<typeof createRecovery>;
