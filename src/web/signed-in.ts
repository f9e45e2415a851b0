import type { Context, Middleware } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import type { Secrets } from '../kit/secrets.ts';
import { formExpired } from './csrf.ts';
import { showError } from './error-page.ts';
import { readForm } from './form-body.ts';
import { type ShowPage, seeOther } from './respond.ts';

/** Who opens a page of ours, by the session that sign-in made. */
export interface SignedInUser {
  accountId: string;
  username: string;
  scopes: string[];
  sessionUid: string;
  /**
   * What a form carries to be taken: good for this session, this person and this address alone.
   * @param once a value that the form carries along as its field `once`, and nobody may choose
   */
  csrf(action: string, once?: string): string;
}

export interface SignedInPagesDeps {
  secrets: Secrets;
  showPage: ShowPage;
  /** The session of this browser, signed in or not. */
  sessionOf(ctx: Context): Promise<{ accountId?: string; uid: string }>;
  /** @returns undefined for a disabled account: its sessions open nothing */
  findAccount(accountId: string): Promise<{ username: string; scopes: string[] } | undefined>;
  covers(powers: string[], scope: string): boolean;
  /** Where one signs in, to come back to that page. */
  signInUrl(page: string): string;
}

export type PageHandler = (ctx: Context, user: SignedInUser) => Promise<void> | void;
export type FormHandler = (
  ctx: Context,
  user: SignedInUser,
  fields: Record<string, string>,
) => Promise<void> | void;

/** What stands before every page of the account and the console: who it is, what they may, and whose form it is. */
export function createSignedInPages(deps: SignedInPagesDeps) {
  const { secrets, covers } = deps;

  async function findUser(ctx: Context): Promise<SignedInUser | undefined> {
    const { accountId, uid } = await deps.sessionOf(ctx);
    const person = accountId ? await deps.findAccount(accountId) : undefined;
    if (!accountId || !person) return undefined;
    const { username, scopes } = person;
    return {
      accountId,
      username,
      scopes,
      sessionUid: uid,
      csrf: (action, once = '') => secrets.csrfToken(purpose(action, uid, accountId, once)),
    };
  }

  const purpose = (action: string, ...rest: string[]) => ['form', action, ...rest].join(' ');

  /** @returns whether the page may be shown; else says so */
  function mayOpen(ctx: Context, { scopes, username }: SignedInUser, power: string | undefined): boolean {
    if (power === undefined || covers(scopes, power)) return true;
    ctx.status = 403;
    showError(ctx, deps.showPage, {
      heading: 'You do not have access to this page',
      lede: `You are signed in as ${username}, and this account is not allowed to do this. Nothing was changed.`,
      advice: 'Ask the people who run this server for access, or sign in with another account.',
    });
    return false;
  }

  return {
    /** A page for who is signed in; anybody else signs in first. @param power the scope that it needs */
    page(work: PageHandler, power?: string): Middleware {
      return async (ctx) => {
        const user = await findUser(ctx);
        if (!user) return seeOther(ctx, deps.signInUrl(ctx.path));
        if (!mayOpen(ctx, user, power)) return;
        await work(ctx, user);
      };
    },

    /** What a form of ours does. @param power the scope that it needs */
    form(work: FormHandler, power?: string): Middleware {
      return async (ctx) => {
        const user = await findUser(ctx);
        if (!user)
          throw new LatchkeyError(
            'forbidden',
            'session_ended',
            'You are no longer signed in. Nothing was changed. Open the page again to sign in.',
          );
        if (!mayOpen(ctx, user, power)) return;
        const fields = await readForm(ctx);
        const { csrf = '', once = '' } = fields;
        if (!secrets.csrfMatches(purpose(ctx.path, user.sessionUid, user.accountId, once), csrf))
          throw formExpired();
        await work(ctx, user, fields);
      };
    },
  };
}

export type SignedInPages = ReturnType<typeof createSignedInPages>;

/** The links beside a page, with a mark at the one that is open. */
export function navigation(label: string, current: string, links: [href: string, text: string][]) {
  return { label, links: links.map(([href, text]) => ({ href, text, current: href === current })) };
}
