import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import { isDuplicate } from '../../database/transaction.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { defaultName } from './authenticator-names.ts';
import type { NewCredential } from './registration.ts';
import { insertCredential, listSignedCredentials } from './store.ts';

export interface AddedCredential {
  accountId: string;
  credential: NewCredential;
  /** The id of the signed credential with which the user just signed in. It vouches for the new one. */
  signerId?: string;
  /** The user was let in by other means, which vouch for the new one: a recovery link. */
  isVouched?: boolean;
  origin?: Origin;
}

/**
 * Adds a verified credential within the caller's transaction. The account's first credential is signed at once; any
 * other needs somebody who vouches for it.
 * @param names AAGUID → the name of the model
 * @returns its id
 * @throws LatchkeyError conflict when it is registered already, for this account or another
 */
export async function addCredential(
  trx: Knex.Transaction,
  names: Map<string, string>,
  added: AddedCredential,
): Promise<string> {
  const { accountId, credential, signerId, origin } = added;
  const { challenge, ...registered } = credential;
  const id = uuidv7();
  const signed = await listSignedCredentials(trx, accountId);
  const isSignerSigned = signed.some((other) => other.id === signerId);
  const isSigned = signed.length === 0 || isSignerSigned || added.isVouched === true;
  const name = defaultName(credential.authenticator, names);
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
