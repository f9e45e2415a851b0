import type { Secrets } from '../../kit/secrets.ts';
import { createPasswordAddRemove, type PasswordAddRemoveDeps } from './add-remove.ts';
import { createAuthentication, type LimitFailures } from './authenticate.ts';
import { createPasswordChange, type PasswordChangeDeps } from './change.ts';
import { createPasswordHashing } from './hashing.ts';
import { createPasswordRules } from './rules.ts';

export interface PasswordsDeps
  extends Pick<PasswordChangeDeps, 'knex' | 'findAccount' | 'signOutEverywhere'>,
    Pick<PasswordAddRemoveDeps, 'assertSignedIn'> {
  notify: PasswordAddRemoveDeps['notify'] & PasswordChangeDeps['notify'];
  secrets: Secrets;
  /** The size of libuv's thread pool. */
  threads: number;
  /** The shortest password that may be set, in characters. */
  minimumLength: number;
  recordSignIn(accountId: string): void;
  limitFailures: LimitFailures;
}

/** Passwords: which may be set, how they are stored, verified and changed. */
export function createPasswords(deps: PasswordsDeps) {
  const hashing = createPasswordHashing(deps.secrets, deps.threads);
  const { fault } = createPasswordRules({ minimum: deps.minimumLength });
  const { recordSignIn, limitFailures } = deps;
  const authentication = createAuthentication({ hashing, recordSignIn, limitFailures });
  return {
    ...authentication,
    hash: hashing.hash,
    fault,
    change: createPasswordChange({ ...deps, fault, hash: hashing.hash, verify: authentication.verifyAgain }),
    own: createPasswordAddRemove({ ...deps, fault, hash: hashing.hash }),
  };
}
