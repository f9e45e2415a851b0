import type { Knex } from 'knex';
import { toDocument } from './client-document.ts';
import { type ClientMetadata, listClientsWithLogo, listVettedClients } from './store.ts';

/** What is known of an application's own pages. */
export interface ApplicationPages {
  redirectUris: string[];
  is_native: boolean;
  clientUri?: string | undefined;
  initiateLoginUri?: string | undefined;
}

/**
 * The front page of a web application: its redirect URI without the path. A native application has none there: it listens
 * only while it waits for a code. Neither has one whose codes our own page shows.
 */
function originOf({ redirectUris, is_native }: ApplicationPages, issuer: string): string | undefined {
  const { protocol = '', origin } = URL.parse(redirectUris[0] ?? '') ?? {};
  const hasPage = /^https?:$/.test(protocol) && !is_native && origin !== new URL(issuer).origin;
  return hasPage ? `${origin}/` : undefined;
}

/**
 * Where a sign-in at this application begins: at its `initiate_login_uri` (OpenID Connect Core section 4), at its front
 * page, or at the origin of its redirect URI. All of them are registered, so no request leads anywhere else.
 */
export function startOf(application: ApplicationPages, issuer: string): string | undefined {
  const start = URL.parse(application.initiateLoginUri ?? '');
  start?.searchParams.set('iss', issuer);
  return start?.href ?? application.clientUri ?? originOf(application, issuer);
}

/** An application that people can open in a browser. */
export interface FrontPage {
  clientId: string;
  name: string;
  url: string;
  hasLogo: boolean;
}

/**
 * Lists the applications that have a page to open and that people sign in to, sorted by name. The home page links them. Those
 * that nobody has checked do not stand beside the others, and are not even read: anyone can register a thousand.
 */
export async function listFrontPages(knex: Knex, issuer: string): Promise<FrontPage[]> {
  const withLogo = new Set(await listClientsWithLogo(knex));
  const found: FrontPage[] = [];
  for (const row of await listVettedClients(knex)) {
    const metadata: ClientMetadata = JSON.parse(row.metadata);
    const { redirect_uris: redirectUris, application_type } = toDocument(row, issuer);
    const application = {
      redirectUris: redirectUris as string[],
      is_native: application_type === 'native',
      clientUri: metadata.client_uri,
      initiateLoginUri: metadata.initiate_login_uri,
    };
    const url = startOf(application, issuer);
    if (url && metadata.grant_types.includes('authorization_code'))
      found.push({
        clientId: row.client_id,
        name: row.client_name,
        url,
        hasLogo: withLogo.has(row.client_id),
      });
  }
  return found.sort((a, b) => a.name.localeCompare(b.name, 'en'));
}
