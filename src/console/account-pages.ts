import type Router from '@koa/router';
import { z } from 'zod';
import { isLatchkeyScope } from '../access/scopes.ts';
import type { Profile } from '../identity/accounts/read-profile.ts';
import type { Account } from '../identity/accounts/store.ts';
import type { UserSession } from '../identity/sessions/service.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { parse } from '../kit/parse.ts';
import { seeOther } from '../web/respond.ts';
import type { SignedInUser } from '../web/signed-in-pages.ts';
import type { ConsoleDeps, ConsoleLayout, FreshSignInOfConsole } from './sections.ts';

interface Actor {
  accountId: string;
}

export interface AccountConsoleDeps extends ConsoleDeps {
  /** The services that the commands call too. */
  accounts: {
    list(): Promise<Account[]>;
    /** @throws LatchkeyError not_found */
    show(username: string): Promise<Profile>;
    /** @throws LatchkeyError not_found */
    getProfile(id: string): Promise<Profile>;
    disable(actor: Actor, which: { id: string }): Promise<Account>;
    enable(actor: Actor, which: { id: string }): Promise<Account>;
  };
  sessions: {
    list(accountId: string): Promise<UserSession[]>;
    endAll(actor: Actor, accountId: string): Promise<number>;
  };
  freshSignIn: FreshSignInOfConsole;
}

const ACCOUNTS = '/admin/accounts';
const DETAILS = `${ACCOUNTS}/details`;
const CHANGE = `${ACCOUNTS}/change`;
const SCOPE = 'latchkey:accounts';
const PAGE_SIZE = 25;

const FILTERS: [string, string][] = [
  ['all', 'All'],
  ['active', 'Active'],
  ['disabled', 'Disabled'],
];

/** What the page says after an action has redirected to it, by the value of `done`. */
const NOTICES = new Map<string, string>(
  Object.entries({
    disable: 'The account is disabled. It is signed out everywhere, and its tokens no longer work.',
    enable: 'The account is enabled.',
    'sign-out': 'The account is signed out everywhere.',
  }),
);

/** The buttons of the page of an account, and what they do, as the end of "Confirm it is you to …". */
const ACTS = new Map([
  ['disable', (username: string) => `disable the account “${username}”`],
  ['enable', (username: string) => `enable the account “${username}”`],
  ['sign-out', (username: string) => `sign “${username}” out everywhere`],
]);

const PAGE_RULE = 'The page is a whole number from 1';

const queryInput = z.object({
  show: z.enum(['all', 'active', 'disabled'], 'Choose one of the kinds of accounts').default('all'),
  search: z.string().max(255, 'Search for at most 255 characters').default(''),
  page: z.coerce.number(PAGE_RULE).int(PAGE_RULE).min(1, PAGE_RULE).max(10_000, PAGE_RULE).default(1),
});

type Query = z.infer<typeof queryInput>;

function matches({ username, name, email, is_active: isActive }: Account, { show, search }: Query): boolean {
  if (show === 'active' ? !isActive : show === 'disabled' && isActive) return false;
  const text = [username, name ?? '', email ?? ''].join('\n').toLowerCase();
  return text.includes(search.trim().toLowerCase());
}

/** Whether a scope is one over this server itself. */
const mayAdminister = (scope: string) => isLatchkeyScope(scope) || scope === '*:*';

const detailsOf = (username: string, done?: string) =>
  `${DETAILS}?${new URLSearchParams({ username, ...(done === undefined ? {} : { done }) })}`;

/** The pages for the accounts of this server: the list, one of them with its sessions, and disabling it. */
export function createAccountConsole(router: Router, layout: ConsoleLayout, deps: AccountConsoleDeps): void {
  const { signedIn, accounts, sessions, freshSignIn } = deps;

  router.get(
    ACCOUNTS,
    signedIn.page(async (ctx, user) => {
      freshSignIn.forgetAction(ctx);
      const { show, search, page } = ctx.query;
      const query = parse(queryInput, { show: show || undefined, search, page });
      const found = (await accounts.list())
        .filter((account) => matches(account, query))
        .toSorted((one, other) => one.username.localeCompare(other.username, 'en'));
      const end = query.page * PAGE_SIZE;
      const urlOf = (number: number) =>
        `${ACCOUNTS}?${new URLSearchParams({ show: query.show, search: query.search, page: String(number) })}`;
      layout.show(ctx, user, ACCOUNTS, 'accounts/list', {
        title: 'Accounts',
        accounts: found.slice(end - PAGE_SIZE, end).map((account) => ({
          ...account,
          detailsUrl: detailsOf(account.username),
        })),
        count: found.length,
        filters: FILTERS,
        query,
        action: ACCOUNTS,
        previousUrl: query.page > 1 ? urlOf(query.page - 1) : undefined,
        nextUrl: found.length > end ? urlOf(query.page + 1) : undefined,
      });
    }, `${SCOPE}.read`),
  );

  router.get(
    DETAILS,
    signedIn.page(async (ctx, user) => {
      const { username, done } = ctx.query;
      // Signing in again leads back here without the query.
      if (typeof username !== 'string' || username === '') return seeOther(ctx, ACCOUNTS);
      const account = await accounts.show(username);
      layout.show(ctx, user, ACCOUNTS, 'accounts/show', {
        title: account.username,
        notice: NOTICES.get(String(done)),
        account,
        sessions: await sessions.list(account.id),
        isOwn: account.id === user.accountId,
        mayWrite: deps.covers(user.scopes, SCOPE),
        action: CHANGE,
        csrf: user.csrf(CHANGE),
      });
    }, `${SCOPE}.read`),
  );

  /**
   * Finds the account of the page that the form was on. It is named by id: its username may have become another
   * person's since.
   * @throws LatchkeyError for an unknown button, the administrator's own account, or an account with a scope that the
   *   administrator does not have
   */
  async function findTarget(user: SignedInUser, { act = '', account: id = '' }: Record<string, string>) {
    const describe = ACTS.get(act);
    if (!describe)
      throw new LatchkeyError(
        'invalid_input',
        'account_action_missing',
        'Choose Disable, Enable or Sign out everywhere.',
      );
    const account = await accounts.getProfile(id);
    // Otherwise the only administrator could lock everyone out of the console by a slip.
    if (account.id === user.accountId)
      throw new LatchkeyError(
        'conflict',
        'own_account',
        'This is your own account. Manage it at /account, or let another administrator do this.',
      );
    // Otherwise a helper could lock out the people who run the server.
    const beyond = account.scopes.filter(mayAdminister).find((scope) => !deps.covers(user.scopes, scope));
    if (beyond !== undefined)
      throw new LatchkeyError(
        'forbidden',
        'account_beyond_own',
        `The account “${account.username}” has the scope ${beyond}, which yours does not have. Only somebody who has it too can do this.`,
      );
    return { act, account, says: describe(account.username) };
  }

  const change = freshSignIn.requireFactors(
    async (user, fields) => (await findTarget(user, fields)).says,
    async (ctx, user, fields) => {
      const { act, account } = await findTarget(user, fields);
      const actor = { accountId: user.accountId };
      if (act === 'sign-out') await sessions.endAll(actor, account.id);
      else await accounts[act === 'enable' ? 'enable' : 'disable'](actor, { id: account.id });
      seeOther(ctx, detailsOf(account.username, act));
    },
  );
  router.post(CHANGE, signedIn.form(change, { scope: SCOPE, page: () => ACCOUNTS }));
}
