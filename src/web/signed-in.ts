import type { Context, Middleware } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import type { Secrets } from '../kit/secrets.ts';
import { type Render, showError } from './error-page.ts';
import { readForm } from './form-body.ts';

/** Who opens a page of ours, by the session that sign-in made. */
export interface Visitor {
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

export interface GateDeps {
  secrets: Secrets;
  render: Render;
  /** The session of this browser, signed in or not. */
  sessionOf(ctx: Context): Promise<{ accountId?: string; uid: string }>;
  /** @returns undefined for a disabled account: its sessions open nothing */
  findPerson(accountId: string): Promise<{ username: string; scopes: string[] } | undefined>;
  covers(powers: string[], scope: string): boolean;
  /** Where one signs in, to come back to that page. */
  signInUrl(page: string): string;
}

export type PageWork = (ctx: Context, visitor: Visitor) => Promise<void> | void;
export type FormWork = (
  ctx: Context,
  visitor: Visitor,
  fields: Record<string, string>,
) => Promise<void> | void;

/** What stands before every page of the account and the console: who it is, what they may, and whose form it is. */
export function createGate(deps: GateDeps) {
  const { secrets, covers } = deps;

  async function visitorOf(ctx: Context): Promise<Visitor | undefined> {
    const { accountId, uid } = await deps.sessionOf(ctx);
    const person = accountId ? await deps.findPerson(accountId) : undefined;
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
  function mayOpen(ctx: Context, { scopes, username }: Visitor, power: string | undefined): boolean {
    if (power === undefined || covers(scopes, power)) return true;
    ctx.status = 403;
    showError(ctx, deps.render, {
      heading: 'This page is not open to you',
      lede: `You are signed in as ${username}, who may not do this. Nothing was changed.`,
      advice: 'Ask the people who run this server, or sign in as somebody else.',
    });
    return false;
  }

  return {
    /** A page for who is signed in; anybody else signs in first. @param power the scope that it needs */
    page(work: PageWork, power?: string): Middleware {
      return async (ctx) => {
        const visitor = await visitorOf(ctx);
        ctx.set('Cache-Control', 'no-store');
        if (!visitor) {
          ctx.status = 303;
          return ctx.redirect(deps.signInUrl(ctx.path));
        }
        if (!mayOpen(ctx, visitor, power)) return;
        ctx.type = 'html';
        await work(ctx, visitor);
      };
    },

    /** What a form of ours does. @param power the scope that it needs */
    form(work: FormWork, power?: string): Middleware {
      return async (ctx) => {
        const visitor = await visitorOf(ctx);
        ctx.set('Cache-Control', 'no-store');
        if (!visitor)
          throw new LatchkeyError(
            'forbidden',
            'You are not signed in any more, and nothing was changed. Open the page again to sign in.',
          );
        if (!mayOpen(ctx, visitor, power)) return;
        const fields = await readForm(ctx);
        const { csrf = '', once = '' } = fields;
        if (!secrets.csrfMatches(purpose(ctx.path, visitor.sessionUid, visitor.accountId, once), csrf))
          throw new LatchkeyError(
            'forbidden',
            'This form is not from here or too old. Go back, load the page again and repeat it.',
          );
        ctx.type = 'html';
        await work(ctx, visitor, fields);
      };
    },
  };
}

export type Gate = ReturnType<typeof createGate>;

/** The links beside a page, with a mark at the one that is open. */
export function navigation(label: string, current: string, links: [href: string, text: string][]) {
  return { label, links: links.map(([href, text]) => ({ href, text, current: href === current })) };
}
