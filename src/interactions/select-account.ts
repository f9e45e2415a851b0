import type { Context } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import { OTHER_ACCOUNT } from '../oidc/prompts.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import { answered, type Details, type Interactions, stepOver } from './interaction.ts';

export interface SelectAccountDeps {
  interactions: Pick<Interactions, 'common' | 'finish'>;
  showPage: ShowPage;
  findAccount(accountId: string): Promise<{ username: string } | undefined>;
}

export const wantsOtherAccount = ({ prompt }: Details): boolean => prompt.reasons.includes(OTHER_ACCOUNT);

/**
 * Goes on with the same request at its sign-in, even though the session is still valid. To repeat the request by a redirect
 * would lose what is not in the address: that it was pushed, or comes from a device.
 */
export async function signInAgain(ctx: Context, details: Details): Promise<void> {
  details.lastSubmission = { ...details.lastSubmission, ...answered(details) };
  details.prompt = { name: 'login', reasons: [OTHER_ACCOUNT], details: {} };
  await details.persist();
  seeOther(ctx, `/interaction/${details.uid}`);
}

/** The page of `prompt=select_account` (OpenID Connect Core section 3.1.2.1): this account, or another one. */
export function createSelectAccount({ interactions, showPage, findAccount }: SelectAccountDeps) {
  const accountOf = async ({ session }: Details) =>
    session?.accountId ? findAccount(session.accountId) : undefined;

  return {
    /** Whether somebody is signed in. If not, the sign-in page is where the account is selected. */
    hasChoice: async (details: Details): Promise<boolean> =>
      details.prompt.name === 'select_account' && (await accountOf(details)) !== undefined,

    async show(ctx: Context, details: Details): Promise<void> {
      const { client: _client, ...data } = await interactions.common(ctx, details);
      const account = await accountOf(details);
      if (!account) throw stepOver(details.uid);
      showPage(ctx, 'interactions/select-account', {
        ...data,
        title: `Continue to ${data.clientName}`,
        accountName: account.username,
      });
    },

    async decide(ctx: Context, details: Details, account: string | undefined): Promise<void> {
      if (account === 'other') return signInAgain(ctx, details);
      if (account !== 'this')
        throw new LatchkeyError('invalid_input', 'account_not_selected', 'Choose an account.');
      await interactions.finish(ctx, { select_account: {} });
    },
  };
}
