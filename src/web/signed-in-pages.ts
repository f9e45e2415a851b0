import type { Context, Middleware } from 'koa';
import type { Secrets } from '../kit/secrets.ts';
import { formExpired } from './csrf.ts';
import { createEndedForms, type EndedFormOptions } from './ended-forms.ts';
import { showError } from './errors.ts';
import { readForm } from './form-body.ts';
import type { PendingActions } from './pending-action.ts';
import { type Look, type ShowPage, seeOther, setLook } from './respond.ts';
import { findRoute } from './routes.ts';
import { readUpload } from './upload-form.ts';

/** The user who opens one of our own pages, by the session in the browser. */
export interface SignedInUser {
  accountId: string;
  username: string;
  scopes: string[];
  sessionUid: string;
  /**
   * The token of a form: valid for this session, this account and this action alone.
   * @param idempotencyKey a value that the form sends back in its field `idempotency_key`, and that nobody can change
   */
  csrf(action: string, idempotencyKey?: string): string;
  /** What the user typed into the form of this page, if their session had ended when they sent it. */
  typed?: Record<string, string> | undefined;
}

export interface SignedInPagesDeps {
  secrets: Secrets;
  showPage: ShowPage;
  /** The session of this browser, signed in or not. */
  sessionOf(ctx: Context): Promise<{ accountId?: string; uid: string }>;
  /** @returns undefined for a disabled account, whose sessions no longer work */
  findAccount(accountId: string): Promise<{ username: string; scopes: string[] } | undefined>;
  /** How the account wants its pages to look. */
  findLook(accountId: string): Promise<Look>;
  /** Records, after the response, that the session is in use. */
  recordUse(sessionUid: string): void;
  covers(scopes: string[], scope: string): boolean;
  pendingActions: Pick<PendingActions, 'ownerOf' | 'keepForm' | 'findForm' | 'forget'>;
  /** The address to sign in at and return to that page. @param params of the authorization request */
  signInUrl(page: string, params?: Record<string, string>): string;
}

export type PageHandler = (ctx: Context, user: SignedInUser) => Promise<void> | void;
export type FormHandler = (
  ctx: Context,
  user: SignedInUser,
  fields: Record<string, string>,
  /** The file that was chosen, in a form that has one. */
  upload?: Buffer,
) => Promise<void> | void;

interface FormOptions extends EndedFormOptions {
  /** The scope that it needs. */
  scope?: string;
  /** The name of its field for a file (`maxUpload` of its route). */
  file?: string;
}

/** Guards every page of the account and the console: the user is signed in, has the scope, and sent the form from our own page. */
export function createSignedInPages(deps: SignedInPagesDeps) {
  const { secrets, covers, pendingActions } = deps;
  const endedForms = createEndedForms(deps);

  async function findUser(ctx: Context): Promise<SignedInUser | undefined> {
    const { accountId, uid } = await deps.sessionOf(ctx);
    const account = accountId ? await deps.findAccount(accountId) : undefined;
    if (!accountId || !account) return undefined;
    deps.recordUse(uid);
    setLook(ctx, await deps.findLook(accountId));
    const { username, scopes } = account;
    return {
      accountId,
      username,
      scopes,
      sessionUid: uid,
      csrf(path, idempotencyKey = '') {
        const token = secrets.csrfToken(purpose(path, uid, accountId, idempotencyKey));
        return `${token}.${pendingActions.ownerOf(accountId, { path, idempotencyKey })}`;
      },
    };
  }

  const purpose = (action: string, ...rest: string[]) => ['form', action, ...rest].join(' ');

  /** @returns whether the user has the scope; otherwise shows an error page */
  function mayOpen(ctx: Context, { scopes, username }: SignedInUser, scope: string | undefined): boolean {
    if (scope === undefined || covers(scopes, scope)) return true;
    ctx.status = 403;
    showError(ctx, deps.showPage, {
      heading: 'You do not have access to this page',
      lede: `You are signed in as ${username}, and this account is not allowed to do this. Nothing was changed.`,
      advice: 'Ask the people who run this server for access, or sign in with another account.',
      back: {
        url: deps.signInUrl(ctx.path, { prompt: 'select_account' }),
        label: 'Sign in with another account',
      },
    });
    return false;
  }

  /** @param file the name of the field for a file. Only a signed-in user sends more than some kilobytes */
  async function read(
    ctx: Context,
    file: string | undefined,
  ): Promise<{ fields: Record<string, string>; upload?: Buffer | undefined }> {
    const limit = findRoute(ctx.path)?.maxUpload;
    if (file === undefined || limit === undefined || !ctx.is('multipart/form-data'))
      return { fields: await readForm(ctx) };
    return readUpload(ctx, { file, limit });
  }

  return {
    /** A page for signed-in users; other visitors sign in first. @param scope the scope that it needs */
    page(work: PageHandler, scope?: string): Middleware {
      return async (ctx) => {
        const user = await findUser(ctx);
        if (!user) return seeOther(ctx, deps.signInUrl(ctx.path));
        if (!mayOpen(ctx, user, scope)) return;
        await work(ctx, { ...user, typed: endedForms.takeTyped(ctx, user.accountId) });
      };
    },

    /** The action of one of our own forms. */
    form(work: FormHandler, options: FormOptions = {}): Middleware {
      return async (ctx) => {
        const user = await findUser(ctx);
        if (user && !mayOpen(ctx, user, options.scope)) return;
        const { fields, upload } = await read(ctx, user && options.file);
        const { csrf = '', idempotency_key: idempotencyKey = '' } = fields;
        const [token = '', owner = ''] = csrf.split('.');
        const form = { owner, idempotencyKey, fields };
        if (!user) return endedForms.showAgain(ctx, { ...form, isSignedIn: false }, options);
        const { accountId, sessionUid } = user;
        if (secrets.csrfMatches(purpose(ctx.path, sessionUid, accountId, idempotencyKey), token))
          return work(ctx, user, fields, upload);
        // The user has signed in again since, perhaps in another tab.
        if (owner !== pendingActions.ownerOf(accountId, { path: ctx.path, idempotencyKey }))
          throw formExpired();
        endedForms.showAgain(ctx, { ...form, isSignedIn: true }, options);
      };
    },
  };
}

export type SignedInPages = ReturnType<typeof createSignedInPages>;

/** The links beside a page; the current one is marked. */
export function navigation(label: string, current: string, links: [href: string, text: string][]) {
  return { label, links: links.map(([href, text]) => ({ href, text, current: href === current })) };
}
