import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { isDuplicate } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { uuidv7 } from '../../kit/ids.ts';
import type { SignedInBy } from '../accounts/sign-out-everywhere.ts';
import { defaultName, distinctName } from './authenticator-names.ts';
import type { NewCredential } from './registration.ts';
import { insertCredential, listCredentials } from './store.ts';

export interface AddedCredential {
  accountId: string;
  credential: NewCredential;
  /** The id of the signed credential with which the user just signed in. It confirms the new one. */
  signerId?: string;
  /** Whether something other than a credential confirms the new one: a recovery link. */
  isConfirmed?: boolean;
  /** The session or sign-in of the user who adds it, which must not have ended. */
  by?: SignedInBy;
  /** What the user has shown so far (RFC 8176). Nothing unless set. */
  amr?: string[];
  /** Refuses a credential that nothing confirms, instead of storing it until another credential confirms it. */
  mustBeSigned?: boolean;
  origin?: Origin;
}

export interface AddCredentialDeps {
  /** AAGUID → the name of the model. */
  names: Map<string, string>;
  /** Whether a user who has shown this may add a factor to the account. */
  mayAddFactor(trx: Knex.Transaction, accountId: string, amr: string[]): Promise<boolean>;
}

/** @throws LatchkeyError forbidden */
export function factorRequired(): never {
  throw new LatchkeyError(
    'forbidden',
    'second_factor_required',
    'Use a second factor that you already have, or a recovery code. Then you can add another one. Nothing was changed.',
  );
}

/**
 * Adds a verified credential within the caller's transaction. The account's first credential is signed at once,
 * provided that the user has shown what else the account has; any other must be confirmed by a signed one.
 * @returns its id
 * @throws LatchkeyError forbidden; conflict when it is registered already, for this account or another
 */
export async function addCredential(
  trx: Knex.Transaction,
  { names, mayAddFactor }: AddCredentialDeps,
  added: AddedCredential,
): Promise<string> {
  const { accountId, credential, signerId, origin, amr = [] } = added;
  const { challenge, ...registered } = credential;
  const id = uuidv7();
  const existing = await listCredentials(trx, accountId);
  const signed = existing.filter(({ is_signed }) => is_signed);
  const isSignerSigned = signed.some((other) => other.id === signerId);
  const isConfirmed = isSignerSigned || added.isConfirmed === true;
  const isFirst = signed.length === 0;
  if (!isConfirmed && isFirst && !(await mayAddFactor(trx, accountId, amr))) factorRequired();
  const isSigned = isConfirmed || isFirst;
  if (!isSigned && added.mustBeSigned) factorRequired();
  const ownNames = existing.map((other) => other.name);
  const name = distinctName(defaultName(credential.authenticator, names, origin?.userAgent), ownNames);
  try {
    await insertCredential(trx, {
      ...registered,
      id,
      accountId,
      name,
      challengeId: challenge.id,
      isSigned,
      signedBy: isSignerSigned && signerId ? signerId : null,
    });
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    throw new LatchkeyError(
      'conflict',
      'key_already_registered',
      'This key is registered already. Nothing was changed.',
      { cause: error },
    );
  }
  const details = { kind: credential.kind, name, signed: isSigned };
  await recordEventIn(trx, { action: 'passkey.added', accountId, target: id, details }, origin);
  return id;
}
