import { recordEvent } from '../audit/index.ts';
import { fromEpoch } from '../database/instants.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import { recordSignIn } from '../identity/accounts/store.ts';
import { guardCredential } from '../identity/passkeys/sign-in-store.ts';
import { recordSecondFactor } from '../identity/passwords/trusted-browsers.ts';
import { LatchkeyError } from '../kit/errors.ts';
import type { PasskeyCeremonies } from '../web/passkey-endpoints.ts';
import { methodOf, now } from './authentication-state.ts';
import { stepOver } from './interaction.ts';
import {
  bindingOf,
  createPasskeyRegistration,
  type PasskeyRegistrationDeps,
} from './passkey-registration.ts';

export interface InteractionCeremoniesDeps extends PasskeyRegistrationDeps {
  /** Whether a key whose counter did not go up must be followed by another factor. */
  secondAfterRegress: boolean;
}

/** Passkey ceremonies as steps of an authorization request. */
export function createInteractionCeremonies(deps: InteractionCeremoniesDeps): PasskeyCeremonies {
  const { interactions, authentication, passkeys, browserCookie } = deps;

  return {
    ...createPasskeyRegistration(deps),

    async startAuthentication(ctx, request) {
      const details = await interactions.loadByFormToken(request.interaction ?? '', request.csrf);
      const boundTo = `${bindingOf(details)} ${browserCookie.recognize(ctx)}`;
      if (request.purpose === 'authentication')
        return passkeys.startAuthentication({ purpose: 'authentication', boundTo });
      const first = authentication.findFirstFactor(details);
      if (!first || request.purpose !== 'second_factor') throw stepOver(details.uid);
      const { accountId } = first;
      return passkeys.startAuthentication({ purpose: 'second_factor', boundTo, accountId });
    },

    async finishAuthentication(ctx, request) {
      const details = await interactions.loadByFormToken(request.interaction ?? '', request.csrf);
      const boundTo = `${bindingOf(details)} ${browserCookie.find(ctx)}`;
      const { origin } = currentUnit();
      const at = now();
      const common = { boundTo, origin, response: request.response, at: fromEpoch(at) };
      const clientId = String(details.params.client_id);
      if (request.purpose === 'authentication') {
        const used = await passkeys.finishAuthentication({ ...common, purpose: 'authentication' });
        guardCredential(used.id);
        const { accountId } = used;
        const amr = [methodOf(used.authenticator), 'user', 'mfa'];
        const keyId = used.counterRegressed && deps.secondAfterRegress ? used.id : undefined;
        const location = await authentication.continueAfter(details, { accountId, amr, keyId }, at);
        const how = { method: 'passkey', key: used.id };
        recordEvent({ action: 'sign_in.succeeded', accountId, clientId, details: how });
        recordSignIn(accountId);
        return { location };
      }
      const first = authentication.findFirstFactor(details);
      if (!first || request.purpose !== 'second_factor') throw stepOver(details.uid);
      const { accountId } = first;
      const used = await passkeys.finishAuthentication({ ...common, purpose: 'second_factor', accountId });
      guardCredential(used.id);
      if (used.id === first.keyId)
        throw new LatchkeyError(
          'unauthenticated',
          'key_already_used',
          'Use a different key from the one you just used.',
        );
      recordSecondFactor(accountId, deps.browserCookie.read(ctx).hash);
      const how = { method: 'key', key: used.id };
      recordEvent({ action: 'second_factor.succeeded', accountId, clientId, details: how });
      return { location: await authentication.complete(details, first, methodOf(used.authenticator), at) };
    },
  };
}
