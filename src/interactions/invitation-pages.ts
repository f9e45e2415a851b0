import type { Context } from 'koa';
import { describeGrant } from '../access/invitation-descriptions.ts';
import type { Service } from '../connections/services/service-config.ts';
import type { Offer } from '../identity/invitations/offer.ts';
import { digest } from '../kit/ids.ts';
import type { ShowPage } from '../web/respond.ts';
import type { SealedCookie } from '../web/sealed-cookie.ts';
import { allowFormTarget } from '../web/security-headers.ts';
import type { Details, Interactions } from './interaction.ts';
import type { Faults } from './sign-up-form.ts';

export interface InvitationViewsDeps {
  interactions: Pick<Interactions, 'common'>;
  invitationCookie: Pick<SealedCookie, 'read'>;
  showPage: ShowPage;
  /** The services with whose accounts people can sign up. */
  listSignInServices(): Promise<Service[]>;
}

/** An invitation's scopes and roles in words. `openid` is left out: every account has it. */
const grants = ({ isSetUp, scopes, roles }: Offer): string[] => [
  ...(isSetUp ? ['Full access: you will administer this server'] : []),
  ...scopes.filter((scope) => !isSetUp && scope !== 'openid').map(describeGrant),
  ...roles.map((role) => `The role ${role}`),
];

/** Identifies the invitation that a form was shown for. Another invitation may replace the cookie while the form is open. */
const digestOf = (code: string | undefined) => (code === undefined ? undefined : digest(code));

/** Whether the form was shown for this invitation, so that nobody accepts an invitation they did not see. */
export const isFormOf = (code: string, { invitation }: Record<string, string>): boolean =>
  invitation === undefined || invitation === digestOf(code);

function headingOf({ isSetUp, inviter }: Offer): string {
  if (isSetUp) return 'Set up this server';
  if (inviter) return `${inviter} invited you`;
  return 'You are invited';
}

/** The pages of an invitation: the code, the sign-up form, and the choice of an account. */
export function createInvitationViews(deps: InvitationViewsDeps) {
  const { interactions, invitationCookie, showPage } = deps;

  async function showStep(
    ctx: Context,
    details: Details,
    view: string,
    data: Record<string, unknown>,
  ): Promise<void> {
    const { action, csrf, passkeys } = await interactions.common(ctx, details);
    const common = {
      action: `${action}/invitation`,
      signInUrl: `${action}?step=sign-in`,
      passkeys,
      csrf,
      invitation: digestOf(invitationCookie.read(ctx)),
    };
    showPage(ctx, `invitations/${view}`, { ...common, ...data });
  }

  /** @param options `user`: who is signed in, and can go on without an invitation */
  function askCode(
    ctx: Context,
    details: Details,
    options: { alert?: string; typed?: string; user?: { username: string } } = {},
  ): Promise<void> {
    const { alert, typed = '', user } = options;
    if (alert) ctx.status = 400;
    return showStep(ctx, details, 'enter-code', {
      title: 'Enter your invitation code',
      alert,
      typed,
      accountName: user?.username,
    });
  }

  async function showOffer(
    ctx: Context,
    details: Details,
    offer: Offer,
    typed: Record<string, string> = offer.isForOne && !offer.isSetUp && offer.label
      ? { name: offer.label }
      : {},
    faults: Faults = {},
  ): Promise<void> {
    if (Object.keys(faults).length > 0) ctx.status = 400;
    const heading = headingOf(offer);
    const services = await deps.listSignInServices();
    for (const { authUrl } of services) allowFormTarget(ctx, authUrl);
    return showStep(ctx, details, 'sign-up', {
      services: services.map(({ name, displayName }) => ({ name, displayName })),
      title: heading,
      alert: Object.values(faults)[0],
      heading,
      offer,
      grants: grants(offer),
      typed,
      faults,
    });
  }

  /**
   * Asks a signed-in user which account the invitation is for. Accounts are never merged, and the session never goes
   * over to another account without this question.
   */
  function askWhichAccount(ctx: Context, details: Details, offer: Offer, accountName: string): Promise<void> {
    return showStep(ctx, details, 'choose-account', {
      title: 'Who uses this invitation?',
      offer,
      grants: grants(offer),
      accountName,
    });
  }

  return { askCode, showOffer, askWhichAccount };
}
