import { insertKey } from '../passkeys/credentials.ts';
import type { NewKey } from '../passkeys/registration.ts';
import type { Newcomer, Redemptions } from './redeem.ts';

export interface SignUpDeps {
  redemption: Redemptions;
  hashPassword(password: string): Promise<string>;
  /** AAGUID → the name of the model. */
  passkeyNames: Map<string, string>;
  /** Mails the link that confirms an address. */
  welcome(accountId: string, email: string, token: string): void;
  /** Counts a message to a mailbox. @throws LatchkeyError rate_limited */
  takeMessage(email: string): Promise<void>;
}

type SignUpInput = Omit<Newcomer, 'passwordHash' | 'also'>;

/** Makes an account by an invitation, and mails its address a link to confirm it. */
export function createSignUp(deps: SignUpDeps) {
  const { redemption } = deps;

  async function signUp(input: Newcomer): Promise<string> {
    const { accountId, email, token } = await redemption.redeem(input);
    if (email === null || token === undefined) return accountId;
    try {
      await deps.takeMessage(email);
    } catch {
      // Someone keeps signing up with this address. Spare its mailbox; the page looks the same.
      return accountId;
    }
    deps.welcome(accountId, email, token);
    return accountId;
  }

  return {
    /** @returns the account's id @throws LatchkeyError invalid_input, conflict */
    async withPassword({ password, ...input }: SignUpInput & { password: string }): Promise<string> {
      // Before the slow hash, so that a taken username does not use up a turn at it.
      await redemption.refuseTaken(input.username);
      return signUp({ ...input, passwordHash: await deps.hashPassword(password) });
    },

    /** @returns the account's id @throws LatchkeyError invalid_input, conflict */
    withPasskey: ({ key, ...input }: SignUpInput & { key: NewKey }): Promise<string> =>
      signUp({
        ...input,
        also: (trx, accountId) =>
          insertKey(trx, { accountId, key, names: deps.passkeyNames, from: input.from }),
      }),
  };
}
