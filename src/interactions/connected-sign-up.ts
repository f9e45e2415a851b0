import type { Knex } from 'knex';
import type { Context } from 'koa';
import type { Service } from '../connections/services/service-config.ts';
import type { ConnectionSignIn } from '../connections/sign-in/service.ts';
import type { UpstreamIdentity } from '../connections/vault/connection-store.ts';
import { currentUnit, type Origin } from '../database/unit-of-work.ts';
import { normalise } from '../identity/fields.ts';
import type { Offer } from '../identity/invitations/offer.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { digest } from '../kit/ids.ts';
import { seeOther } from '../web/respond.ts';
import type { SealedCookie } from '../web/sealed-cookie.ts';
import type { AuthenticationState } from './authentication-state.ts';
import { type ConnectedSignIn, FEDERATED, type FinishSignUp } from './connected-sign-in.ts';
import type { Details } from './interaction.ts';
import { type Faults, type PasskeySignUpFields, readLinkedSignUp } from './sign-up-form.ts';

export interface ConnectedSignUpDeps {
  authentication: Pick<AuthenticationState, 'continueAfter'>;
  invitationCookie: SealedCookie;
  link: ConnectionSignIn['link'];
  /** @throws LatchkeyError conflict when an account has that username */
  refuseTaken(username: string): Promise<void>;
  /** @returns the account's id @throws LatchkeyError with a sentence for the user */
  signUpWithIdentity(
    input: PasskeySignUpFields & {
      code: string;
      origin: Origin;
      linkIdentity(trx: Knex.Transaction, accountId: string): Promise<void>;
    },
  ): Promise<string>;
}

/** The sign-up page, as far as this step needs it. */
export interface SignUpPage {
  findOffer(code: string): Promise<{ offer: Offer } | { refusal: LatchkeyError }>;
  showOffer(
    ctx: Context,
    details: Details,
    offer: Offer,
    typed: Record<string, string>,
    faults: Faults,
  ): Promise<void>;
  /** The invitation can no longer be used. */
  askCodeAgain(ctx: Context, details: Details, refusal: LatchkeyError): Promise<void>;
}

/** What the person typed; nothing else of the form is kept during the visit. */
const typedOf = ({ username = '', name = '', email = '' }: Record<string, string>) => ({
  username: username.slice(0, 255),
  name: name.slice(0, 255),
  email: email.slice(0, 255),
});

/** Whether an invitation for one e-mail address is for this person: the service must have checked the address. */
function isFor({ email }: Offer, identity: UpstreamIdentity): boolean {
  if (email === null) return true;
  return identity.isEmailVerified === true && normalise(identity.email ?? '') === email;
}

/** Signing up with an invitation and an account of another service, which signs the new account in from then on. */
export function createConnectedSignUp(deps: ConnectedSignUpDeps) {
  const { invitationCookie } = deps;

  return {
    /** Checks the form, and sends the browser to the service. */
    async begin(
      ctx: Context,
      details: Details,
      input: { code: string; offer: Offer; fields: Record<string, string> },
      { page, signIn }: { page: SignUpPage; signIn: ConnectedSignIn },
    ): Promise<void> {
      const { code, offer, fields } = input;
      const read = readLinkedSignUp({ ...fields, ...(offer.email === null ? {} : { email: offer.email }) });
      if ('faults' in read) return page.showOffer(ctx, details, offer, fields, read.faults);
      try {
        await deps.refuseTaken(read.values.username);
      } catch (error) {
        if (!(error instanceof LatchkeyError) || error.kind !== 'conflict') throw error;
        return page.showOffer(ctx, details, offer, fields, { username: error.message });
      }
      const service = await signIn.getService(details, fields.service);
      await signIn.leave(ctx, service, {
        kind: 'sign-up',
        interaction: details.uid,
        invitation: digest(code),
        fields: typedOf(fields),
      });
    },

    /** Creates the account with the identity that the person has brought back, in one transaction. */
    finish:
      (page: SignUpPage): FinishSignUp =>
      async (ctx, details, { destination }, { service, identity }) => {
        const invitationPage = `/interaction/${details.uid}/invitation`;
        const code = invitationCookie.read(ctx);
        // Another invitation was opened in this browser since: the person sees it first.
        if (destination.kind !== 'sign-up' || code === undefined || digest(code) !== destination.invitation)
          return seeOther(ctx, invitationPage);
        const seen = await page.findOffer(code);
        if ('refusal' in seen) return page.askCodeAgain(ctx, details, seen.refusal);
        const { offer } = seen;
        const { fields } = destination;
        const showAgain = (faults: Faults) => page.showOffer(ctx, details, offer, fields, faults);
        if (!isFor(offer, identity)) return showAgain({ service: otherAddress(service, offer) });
        const read = readLinkedSignUp({ ...fields, ...(offer.email === null ? {} : { email: offer.email }) });
        if ('faults' in read) return showAgain(read.faults);
        const { origin } = currentUnit();
        try {
          const accountId = await deps.signUpWithIdentity({
            ...read.values,
            code,
            origin,
            linkIdentity: (trx, id) => deps.link(trx, { accountId: id, service, identity }, origin),
          });
          invitationCookie.clear(ctx);
          seeOther(ctx, await deps.authentication.continueAfter(details, { accountId, amr: [FEDERATED] }));
        } catch (error) {
          if (!(error instanceof LatchkeyError)) throw error;
          if (error.kind === 'conflict')
            return showAgain({ [error.code === 'connection_taken' ? 'service' : 'username']: error.message });
          if (error.kind !== 'invalid_input') throw error;
          return page.askCodeAgain(ctx, details, error);
        }
      },
  };
}

const otherAddress = ({ displayName }: Service, { email }: Offer) =>
  `This invitation is for ${email}, and ${displayName} does not say that this address is yours. Create a passkey or a password instead, or use another account at ${displayName}`;
