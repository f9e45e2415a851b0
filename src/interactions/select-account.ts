import type { Context } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import { type Details, type Interactions, stepOver } from './interaction.ts';

export interface SelectAccountDeps {
  interactions: Pick<Interactions, 'common' | 'finish'>;
  showPage: ShowPage;
  findAccount(accountId: string): Promise<{ username: string } | undefined>;
}

/** Repeats the request and forces a sign-in, even though the session is still valid. */
export function signInAgain(ctx: Context, { params }: Details): void {
  const others = Object.entries(params).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[0] !== 'prompt',
  );
  const prompt = String(params.prompt ?? '').includes('consent') ? 'login consent' : 'login';
  seeOther(ctx, `/auth?${new URLSearchParams([...others, ['prompt', prompt]])}`);
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
