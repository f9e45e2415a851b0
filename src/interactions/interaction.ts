import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import { isVetted } from '../access/registered-via.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import { LatchkeyError } from '../kit/errors.ts';
import type { Secrets } from '../kit/secrets.ts';
import type { EngineClient } from '../oidc/clients/client-document.ts';
import { findSealedRequest, rememberSealedRequest } from '../oidc/storage/visitor-requests.ts';
import type { WayBackService } from '../oidc/way-back.ts';
import { formExpired } from '../web/csrf.ts';
import { readForm } from '../web/form-body.ts';
import { seeOther } from '../web/respond.ts';
import { allowFormTarget } from '../web/security-headers.ts';

export type Details = Awaited<ReturnType<Provider['interactionDetails']>>;

export interface InteractionsDeps {
  provider: Provider;
  wayBack: WayBackService;
  secrets: Secrets;
}

export const interactionEnded = (options: Pick<LatchkeyError, 'back' | 'cause'> = { back: undefined }) =>
  new LatchkeyError(
    'invalid_input',
    'interaction_ended',
    'It was completed already, or it took too long. Go back to the application and start again.',
    options,
  );
/** @param uid of the interaction, whose current step the error page leads to */
export const stepOver = (uid: string) =>
  new LatchkeyError(
    'invalid_input',
    'step_over',
    'You have already completed this step. Continue where you left off.',
    { back: { url: `/interaction/${uid}`, label: 'Continue' } },
  );

/** Whether a user signs in at this prompt. At a later one, such as consent, they are signed in already. */
export const isSignInPrompt = ({ prompt }: Details): boolean =>
  ['login', 'create', 'select_account'].includes(prompt.name);

/** @throws LatchkeyError at a later prompt */
export function requireSignInPrompt(details: Details): void {
  if (!isSignInPrompt(details)) throw stepOver(details.uid);
}

const csrfOf = (uid: string) => `interaction:${uid}`;

/**
 * The part of the result that marks the prompt `create` or `select_account` as done. The engine does this itself only
 * for `login`.
 */
export const answered = ({ prompt: { name } }: Details) =>
  name === 'create' || name === 'select_account' ? { [name]: {} } : {};

/** What every step of an authorization request needs: which request it is, its form, and the way back. */
export function createInteractions({ provider, secrets, wayBack }: InteractionsDeps) {
  /** @throws LatchkeyError when the application is gone */
  async function getClient({ params }: Details) {
    const client = await provider.Client.find(String(params.client_id));
    if (client) return client;
    throw new LatchkeyError(
      'invalid_input',
      'application_gone',
      'This application is no longer registered here.',
    );
  }

  return {
    /** The interaction of this browser, which must be the one in the address. @throws LatchkeyError */
    async load(ctx: Context): Promise<Details> {
      const ended = async (cause?: Error) =>
        interactionEnded({ cause, back: await wayBack.find(ctx, provider) });
      const details = await provider.interactionDetails(ctx.req, ctx.res).catch(async (error: Error) => {
        throw error.name === 'SessionNotFound' ? await ended(error) : error;
      });
      if (details.uid !== ctx.params.uid) throw await ended();
      return details;
    },

    /**
     * Finds the interaction for an endpoint outside of /interaction/…, where the browser does not send the
     * interaction's cookie. The form token proves that this browser was shown the page. To continue the interaction,
     * the engine's cookie is still needed.
     * @param action the interaction's address
     * @throws LatchkeyError
     */
    async loadByFormToken(action: string, csrf: string): Promise<Details> {
      const [, uid = '', sealed] = /^\/interaction\/([\w-]{1,100})(?:#([\w.-]+))?$/.exec(action) ?? [];
      if (!secrets.csrfMatches(csrfOf(uid), csrf)) throw formExpired();
      if (sealed) rememberSealedRequest(currentUnit(), uid, sealed);
      const details = (await provider.Interaction.find(uid)) as Details | undefined;
      if (!details) throw interactionEnded();
      requireSignInPrompt(details);
      return details;
    },

    getClient,

    /** What every page of it shows. @throws LatchkeyError when the application is gone */
    async common(ctx: Context, details: Details) {
      const client = await getClient(details);
      allowFormTarget(ctx, String(details.params.redirect_uri));
      wayBack.remember(ctx, client.clientId);
      const action = `/interaction/${details.uid}`;
      const csrf = secrets.csrfToken(csrfOf(details.uid));
      // The cookie with a visitor's request is not sent to the script's endpoints, which have another path.
      const sealed = findSealedRequest(currentUnit(), details.uid);
      return {
        client,
        action,
        csrf,
        passkeys: { csrf, interaction: sealed ? `${action}#${sealed}` : action },
        clientName: client.clientName ?? client.clientId,
        isUnchecked: !isVetted(client as unknown as EngineClient),
      };
    },

    /** The fields of a form that this page gave out. @throws LatchkeyError */
    async form(ctx: Context): Promise<Record<string, string>> {
      const fields = await readForm(ctx);
      if (!secrets.csrfMatches(csrfOf(ctx.params.uid as string), fields.csrf ?? '')) {
        throw formExpired();
      }
      return fields;
    },

    /** Records what this step led to and goes back to the engine, which asks the policy again. */
    async finish(ctx: Context, result: object): Promise<void> {
      const returnTo = await provider.interactionResult(ctx.req, ctx.res, result as never, {
        mergeWithLastSubmission: true,
      });
      seeOther(ctx, returnTo);
    },

    /** Records what a step led to, for an interaction that was loaded. @returns where the browser goes then */
    async conclude(details: Details, result: object): Promise<string> {
      details.result = { ...details.lastSubmission, ...result } as never;
      await details.persist();
      return details.returnTo;
    },
  };
}

export type Interactions = ReturnType<typeof createInteractions>;
