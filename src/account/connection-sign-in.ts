import type Router from '@koa/router';
import type { Context } from 'koa';
import type { Service } from '../connections/services/service-config.ts';
import type { SignInSwitch } from '../connections/sign-in/switch.ts';
import { seeOther } from '../web/respond.ts';
import type { SignedInPages } from '../web/signed-in-pages.ts';
import type { FreshSignIn } from './fresh-sign-in.ts';

export interface SignInFormDeps {
  signedIn: SignedInPages;
  signInSwitch: Pick<SignInSwitch, 'allow' | 'end'>;
  freshSignIn: Pick<FreshSignIn, 'requireFactors'>;
  /** @throws LatchkeyError not_found */
  getService(ctx: Context): Promise<Service>;
}

/** The form with which users allow a connected account to sign them in, or end that. */
export function createSignInSwitchForm(router: Router, deps: SignInFormDeps): void {
  const { signedIn, signInSwitch, freshSignIn } = deps;

  router.post(
    '/account/connections/:service/sign-in',
    signedIn.form(async (ctx, user, fields) => {
      const service = await deps.getService(ctx);
      const { displayName: name } = service;
      const isOn = fields.sign_in === 'on';
      const purpose = isOn
        ? `sign in with your account at ${name}`
        : `no longer sign in with your account at ${name}`;
      const change = freshSignIn.requireFactors(
        () => purpose,
        async (_ctx, { accountId, sessionUid }, { connection = '' }, origin) => {
          const owner = { accountId, sessionUid, origin };
          await (isOn ? signInSwitch.allow : signInSwitch.end)(owner, service, connection);
          seeOther(ctx, `/account/connections/${service.name}?done=sign-in-${isOn ? 'on' : 'off'}`);
        },
      );
      await change(ctx, user, fields);
    }),
  );
}
