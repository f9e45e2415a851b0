import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import { isVetted } from '../access/registered-via.ts';
import type { Secrets } from '../kit/secrets.ts';
import type { IssuerScope } from '../web/issuer-scope.ts';
import { createSealedCookie } from '../web/sealed-cookie.ts';
import { type EngineClient, isDocumentUrl } from './clients/client-document.ts';
import { type ApplicationPages, startOf } from './clients/front-pages.ts';
import { OWN_CLIENT_ID } from './clients/own-client.ts';

/** How long an application is remembered. This is longer than any sign-in: the page may be opened from the history a week later. */
const REMEMBERED_MINUTES = 7 * 24 * 60;

/** A link to the application that asked for a sign-in. */
export interface WayBack {
  url: string;
  label: string;
}

type Application = Pick<EngineClient, 'clientId' | 'clientName' | 'registered_via'> & ApplicationPages;

/** Remembers in the browser which application asked last, for the page that says that its sign-in has ended. */
export function createWayBack(deps: { issuer: string; secrets: Secrets; scope: IssuerScope }) {
  const cookie = createSealedCookie(deps, 'application', { minutes: REMEMBERED_MINUTES });
  return {
    remember(ctx: Context, clientId: string): void {
      if (cookie.read(ctx) !== clientId) cookie.set(ctx, clientId);
    },

    /**
     * The application that the address of the page names comes first: the cookie has the last one, and several sign-ins may be
     * open. Another one could be put into the address, but only one that is registered here.
     * @returns undefined if it is unknown or gone, has no page, or if nobody has checked its name and its page: anyone could make
     *   the page of this server lead to theirs, in their words
     */
    async find(ctx: Context, provider: Provider): Promise<WayBack | undefined> {
      const named = ctx.query.client_id;
      const find = async (clientId: string | undefined) =>
        // No page is worth fetching a document for.
        clientId && !isDocumentUrl(clientId) ? await provider.Client.find(clientId) : undefined;
      const client =
        (await find(typeof named === 'string' ? named : undefined)) ?? (await find(cookie.read(ctx)));
      if (client?.clientId === OWN_CLIENT_ID) return { url: '/', label: 'Go to the home page' };
      const application = client as unknown as Application | undefined;
      const url = application && isVetted(application) ? startOf(application, deps.issuer) : undefined;
      return url
        ? { url, label: `Start again at ${application?.clientName ?? application?.clientId}` }
        : undefined;
    },
  };
}

/** The way back of one server, with its engine. */
export type FindWayBack = (ctx: Context) => Promise<WayBack | undefined>;

export type WayBackService = ReturnType<typeof createWayBack>;
