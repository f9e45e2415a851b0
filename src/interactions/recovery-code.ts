import type Router from '@koa/router';
import type { Context } from 'koa';
import { currentUnit, type Origin } from '../database/unit-of-work.ts';
import type { FailureLimit } from '../web/rate-limits/index.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import type { SealedCookie } from '../web/sealed-cookie.ts';
import { type Interactions, requireSignInPrompt } from './interaction.ts';

export interface CodeRecoveryStepDeps {
  interactions: Interactions;
  showPage: ShowPage;
  recoveryCookie: SealedCookie;
  /** The limit on failed sign-ins of one IP address, to which wrong codes count too. */
  failedSignIns: FailureLimit;
  /** @returns the token of a link that creates a passkey; undefined for any failure */
  exchangeRecoveryCode(input: { name: string; code: string }, origin: Origin): Promise<string | undefined>;
}

const PATH = '/interaction/:uid/recovery-code';
const WRONG = 'That username and recovery code did not work. Check both, or use another code.';

/** The step for people who have lost every passkey: their username and a recovery code open the page that creates one. */
export function createCodeRecoveryStep(router: Router, deps: CodeRecoveryStepDeps): void {
  const { interactions } = deps;

  async function load(ctx: Context) {
    const details = await interactions.load(ctx);
    requireSignInPrompt(details);
    return details;
  }

  async function show(ctx: Context, failed?: { username: string; alert: string }): Promise<void> {
    const { action, csrf } = await interactions.common(ctx, await load(ctx));
    if (failed) ctx.status = 401;
    deps.showPage(ctx, 'interactions/recovery-code', {
      title: 'Use a recovery code',
      action: `${action}/recovery-code`,
      signInUrl: `${action}?step=sign-in`,
      csrf,
      ...failed,
    });
  }

  router.get(PATH, (ctx) => show(ctx));

  router.post(PATH, async (ctx) => {
    const { username = '', code = '' } = await interactions.form(ctx);
    const { uid } = await load(ctx);
    const { origin } = currentUnit();
    const token = await deps.failedSignIns.tryAttempt(origin.ip, async () =>
      username.length <= 255 ? deps.exchangeRecoveryCode({ name: username, code }, origin) : undefined,
    );
    if (token === undefined) return show(ctx, { username, alert: WRONG });
    deps.recoveryCookie.set(ctx, token);
    seeOther(ctx, `/interaction/${uid}/recover`);
  });
}
