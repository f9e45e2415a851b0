import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Context, Middleware } from 'koa';
import type { Provider } from 'oidc-provider';
import { startDocumentServer } from '../test/support/document-server.ts';

/** What a measured server reports when it is ready. */
export interface Facts {
  origin: string;
  client: { client_id: string; client_secret: string; redirect_uris: string[] };
  person: { username: string; password: string };
  /** The client_id of an application that describes itself: the URL of its document, which the server has in memory soon. */
  documentClientId: string;
}

/** CPU in ms and peak memory in MB since the start. */
export interface Usage {
  cpu: number;
  rss: number;
}

export const REDIRECT_URI = 'https://fieldnotes.example/cb';
export const SECRETS = ['c3VwZXJjYWxpZnJhZ2lsaXN0aWNleHBpYWxpZG9jaW91czEyMzQ1'];
export const SCOPE = 'openid profile email';
/** An API whose tokens are JWTs. */
export const API = { identifier: 'https://notes.example/api', scope: 'notes:read', alg: 'ES256' as const };
export const ALLOWED_SCOPE = `${SCOPE} ${API.scope}`;
export const GRANT_TYPES = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:device_code',
] as const;
/** Lifetimes in seconds, the same for every variant. */
export const TTL = {
  accessToken: 3600,
  refreshToken: 2_592_000,
  refreshTokenMax: 7_776_000,
  session: 1_209_600,
  sessionMax: 7_776_000,
};

/** The path, below each interaction, that signs the browser in without a page and a password. */
export const ENTER = '/enter';

/** The grant of an application that a user would be asked about, in servers without pages. */
export function allowDocuments(provider: Provider, accountId: string) {
  return async (ctx: Context) => {
    const { params } = await provider.interactionDetails(ctx.req, ctx.res);
    const clientId = String(params.client_id);
    if (!clientId.startsWith('https:')) return {};
    const grant = new provider.Grant({ accountId, clientId });
    grant.addOIDCScope(SCOPE);
    return { consent: { grantId: await grant.save() } };
  };
}

/** Publishes the document of an application that describes itself, and trusts the certificate of its server. */
export async function publishClient(): Promise<string> {
  const documents = await startDocumentServer();
  documents.headers['cache-control'] = 'max-age=86400';
  return documents.publish('/client.json', {
    client_name: 'Fieldnotes',
    redirect_uris: [REDIRECT_URI],
    token_endpoint_auth_method: 'none',
    id_token_signed_response_alg: 'ES256',
    grant_types: ['authorization_code'],
    response_types: ['code'],
    scope: SCOPE,
  });
}

export function signInWithoutPage(
  provider: Provider,
  accountId: string,
  consentOf?: (ctx: Context) => Promise<object>,
): Middleware {
  return async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next();
    const login = { accountId, amr: ['pwd'], acr: 'pwd' };
    const consent = await consentOf?.(ctx);
    ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, { login, ...consent }));
  };
}

/** Listens on a free port, so that `make` gets the origin, then answers `usage` over IPC. */
export async function serve(
  make: (origin: string) => Promise<{
    listener: RequestListener;
    facts: Omit<Facts, 'origin'>;
    /** Starts or stops the deletion of expired rows, in servers that have it. */
    purge?: (on: boolean) => void;
  }>,
): Promise<void> {
  const server = createServer({ maxHeaderSize: 16_384, keepAliveTimeout: 60_000 });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { listener, facts, purge } = await make(origin).catch((error: Error) => {
    process.send?.({ error: error.stack });
    throw error;
  });
  server.on('request', listener);
  process.on('message', (message) => {
    if (message !== 'usage') return purge?.(message === 'purge');
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    process.send?.({ cpu: (userCPUTime + systemCPUTime) / 1000, rss: maxRSS / 1024 } satisfies Usage);
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ origin, ...facts } satisfies Facts);
}
