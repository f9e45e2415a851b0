import type Router from '@koa/router';
import type { Context } from 'koa';
import { currentUnit, type Origin } from '../database/unit-of-work.ts';
import type { Offer } from '../identity/invitations/offer.ts';
import { trustBrowser } from '../identity/passwords/trusted-browsers.ts';
import { LatchkeyError } from '../kit/errors.ts';
import type { BrowserCookie } from '../web/browser-cookie.ts';
import type { AddressLimit } from '../web/rate-limits/index.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SealedCookie } from '../web/sealed-cookie.ts';
import type { AuthenticationState } from './authentication-state.ts';
import { type Details, type Interactions, requireSignInPrompt } from './interaction.ts';
import { createInvitationViews, type InvitationViewsDeps, isFormOf } from './invitation-pages.ts';
import { readSignUp, type SignUpFields } from './sign-up-form.ts';

export interface InvitationDeps {
  /** Reads only: opening the page does not use the invitation, so a mail scanner can follow the link. */
  findOffer(code: string): Promise<{ offer: Offer } | { refusal: LatchkeyError; isUnknown: boolean }>;
  /** @returns the account's id @throws LatchkeyError with a sentence for the user */
  signUp(input: SignUpFields & { code: string; origin: Origin }): Promise<string>;
  /** Sends the browser to another service, to sign up with an account there. */
  signUpWithService(
    ctx: Context,
    details: Details,
    input: { code: string; offer: Offer; fields: Record<string, string> },
  ): Promise<void>;
  page: ReturnType<typeof createSignUpPage>;
  addToAccount(accountId: string, code: string, origin: Origin): Promise<unknown>;
  passwordFault(
    password: string,
    account: { username: string; email: string | null; name: string | null },
  ): string | undefined;
  /** Keeps the code in the browser, out of the address bar. */
  invitationCookie: SealedCookie;
  /** The limit on unknown codes from one IP address. */
  unknownCodes: Pick<AddressLimit, 'countAttempt' | 'checkLimit'>;
  interactions: Interactions;
  authentication: Pick<AuthenticationState, 'continueAfter'>;
  browserCookie: BrowserCookie;
  showPage: ShowPage;
  findAccount(accountId: string): Promise<{ username: string } | undefined>;
}

/** What the pages of an invitation do for more than one way to sign up. */
export function createSignUpPage(
  deps: Pick<
    InvitationDeps,
    'interactions' | 'invitationCookie' | 'showPage' | 'findOffer' | 'findAccount' | 'unknownCodes'
  > &
    InvitationViewsDeps,
) {
  const views = createInvitationViews(deps);

  /** Stops guessing: only unknown codes count. @throws LatchkeyError rate_limited */
  async function findOffer(code: string) {
    const { ip } = currentUnit().origin;
    await deps.unknownCodes.checkLimit(ip);
    const seen = await deps.findOffer(code);
    if ('refusal' in seen && seen.isUnknown) await deps.unknownCodes.countAttempt(ip);
    return seen;
  }

  async function findSignedInUser(details: Details) {
    const accountId = details.session?.accountId;
    const account = accountId ? await deps.findAccount(accountId) : undefined;
    return accountId && account ? { accountId, username: account.username } : undefined;
  }

  /** The invitation can no longer be used: the browser forgets it. */
  async function askCodeAgain(ctx: Context, details: Details, refusal: LatchkeyError): Promise<void> {
    deps.invitationCookie.clear(ctx);
    return views.askCode(ctx, details, { alert: refusal.message, user: await findSignedInUser(details) });
  }

  return { ...views, findOffer, findSignedInUser, askCodeAgain };
}

/** Signing up with an invitation, as a step of an authorization request. */
export function createInvitationSteps(router: Router, deps: InvitationDeps): void {
  const { interactions, invitationCookie } = deps;
  const { askCode, showOffer, askWhichAccount, findOffer, findSignedInUser, askCodeAgain } = deps.page;

  async function load(ctx: Context): Promise<Details> {
    const details = await interactions.load(ctx);
    requireSignInPrompt(details);
    return details;
  }

  router.get('/interaction/:uid/invitation', async (ctx) => {
    const details = await load(ctx);
    const code = invitationCookie.read(ctx);
    if (code === undefined) return askCode(ctx, details);
    const seen = await findOffer(code);
    if ('refusal' in seen) return askCodeAgain(ctx, details, seen.refusal);
    const user = await findSignedInUser(details);
    if (user && ctx.query.as !== 'new') return askWhichAccount(ctx, details, seen.offer, user.username);
    return showOffer(ctx, details, seen.offer);
  });

  function showAgain(ctx: Context, details: Details, query = ''): void {
    seeOther(ctx, `/interaction/${details.uid}/invitation${query}`);
  }

  async function acceptCode(ctx: Context, details: Details, typed: string): Promise<void> {
    if (typed.trim() === '') return askCode(ctx, details, { alert: 'Enter your invitation code' });
    const seen = await findOffer(typed);
    if ('refusal' in seen) return askCode(ctx, details, { alert: seen.refusal.message, typed });
    invitationCookie.set(ctx, typed);
    showAgain(ctx, details);
  }

  async function addToAccount(ctx: Context, details: Details, code: string): Promise<void> {
    const user = await findSignedInUser(details);
    if (!user) return showAgain(ctx, details);
    await deps.addToAccount(user.accountId, code, currentUnit().origin);
    invitationCookie.clear(ctx);
    await interactions.finish(ctx, { create: {} });
  }

  /** A signed-in user goes on without the invitation, which stays unused. */
  async function skip(ctx: Context, details: Details): Promise<void> {
    if (!(await findSignedInUser(details))) return showAgain(ctx, details);
    invitationCookie.clear(ctx);
    await interactions.finish(ctx, { create: {} });
  }

  async function signUp(
    ctx: Context,
    details: Details,
    code: string,
    fields: Record<string, string>,
  ): Promise<void> {
    const seen = await findOffer(code);
    if ('refusal' in seen) return askCodeAgain(ctx, details, seen.refusal);
    if (fields.service !== undefined)
      return deps.signUpWithService(ctx, details, { code, offer: seen.offer, fields });
    // An invitation for one e-mail address overrides the form, so the form cannot choose another address.
    const input = { ...fields, ...(seen.offer.email === null ? {} : { email: seen.offer.email }) };
    const read = readSignUp(input, deps.passwordFault);
    if ('faults' in read) return showOffer(ctx, details, seen.offer, fields, read.faults);
    try {
      const accountId = await deps.signUp({ ...read.values, code, origin: currentUnit().origin });
      invitationCookie.clear(ctx);
      const browser = deps.browserCookie.read(ctx);
      trustBrowser(accountId, browser.hash);
      deps.browserCookie.set(ctx, browser.token);
      seeOther(ctx, await deps.authentication.continueAfter(details, { accountId, amr: ['pwd'] }));
    } catch (error) {
      if (!(error instanceof LatchkeyError)) throw error;
      if (error.kind === 'conflict')
        return showOffer(ctx, details, seen.offer, fields, { username: error.message });
      if (error.kind !== 'invalid_input') throw error;
      // The invitation was used up, was revoked or expired while the form was open.
      return askCodeAgain(ctx, details, error);
    }
  }

  router.post('/interaction/:uid/invitation', async (ctx) => {
    const fields = await interactions.form(ctx);
    const details = await load(ctx);
    if (fields.invitation_code !== undefined) return acceptCode(ctx, details, fields.invitation_code);
    if (fields.decision === 'skip') return skip(ctx, details);
    const code = invitationCookie.read(ctx);
    if (code === undefined) return askCode(ctx, details, { alert: 'Enter your invitation code' });
    if (!isFormOf(code, fields)) return showAgain(ctx, details);
    if (fields.decision === 'add') return addToAccount(ctx, details, code);
    if (fields.decision === 'new') return showAgain(ctx, details, '?as=new');
    return signUp(ctx, details, code, fields);
  });
}
