import type Router from '@koa/router';
import type { Context } from 'koa';
import type { From } from '../audit/index.ts';
import { email as emailSchema } from '../identity/accounts/schema.ts';
import { unit } from '../kit/unit-of-work.ts';
import type { Gate, Visitor } from '../web/gate.ts';

export interface EmailPageDeps {
  gate: Gate;
  render(name: string, data: Record<string, unknown>): string;
  recovery: {
    sendsMail: boolean;
    /** Says to nobody whether the address is free. */
    changeEmail(accountId: string, email: string, from?: From): Promise<void>;
  };
  /** Whether that is the person's password, with all that slows guessing at sign-in. */
  proves(given: {
    accountId: string;
    username: string;
    password: string;
    browserHash: string;
  }): Promise<boolean>;
  /** Stops floods of mail. @throws LatchkeyError rate_limited */
  limitMail(email: string): Promise<void>;
  browser: { read(ctx: Context): { hash: string } };
  navOf(visitor: Visitor): unknown;
}

const PATH = '/account/email';

/**
 * Asking for another e-mail address. It takes the password: who finds a browser signed in could else take the account
 * by a link to a new password.
 */
export function createEmailPage(router: Router, deps: EmailPageDeps): void {
  const { gate, recovery } = deps;

  function show(ctx: Context, visitor: Visitor, typed = '', faults: Record<string, string> = {}): void {
    if (Object.keys(faults).length > 0) ctx.status = 400;
    ctx.body = deps.render('account/email', {
      title: 'Your e-mail address',
      bodyClass: 'wide',
      nav: deps.navOf(visitor),
      alert: Object.values(faults)[0],
      faults,
      typed: typed.slice(0, 255),
      action: PATH,
      csrf: visitor.csrf(PATH),
      username: visitor.username,
      sendsMail: recovery.sendsMail,
    });
  }

  router.get(
    PATH,
    gate.page((ctx, visitor) => show(ctx, visitor)),
  );

  router.post(
    PATH,
    gate.form(async (ctx, visitor, { email: typed = '', current = '' }) => {
      if (!recovery.sendsMail) return show(ctx, visitor);
      const { accountId, username } = visitor;
      const email = emailSchema.safeParse(typed);
      const faults: Record<string, string> = {};
      if (typed.trim() === '') faults.email = 'Enter an e-mail address';
      else if (!email.success) faults.email = 'This is not an e-mail address';
      if (current === '') faults.current = 'Enter your password';
      if (!email.success || Object.keys(faults).length > 0) return show(ctx, visitor, typed, faults);
      const browserHash = deps.browser.read(ctx).hash;
      if (!(await deps.proves({ accountId, username, password: current, browserHash })))
        return show(ctx, visitor, typed, { current: 'This is not your password' });
      await deps.limitMail(email.data);
      await recovery.changeEmail(accountId, email.data, unit().origin);
      ctx.status = 303;
      ctx.redirect('/account/security?done=email');
    }),
  );
}
