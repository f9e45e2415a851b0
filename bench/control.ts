import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Middleware } from 'koa';
import type { Provider } from 'oidc-provider';

/** What a measured server reports when it is ready. */
export interface Facts {
  origin: string;
  client: { client_id: string; client_secret: string; redirect_uris: string[] };
  person: { username: string; password: string };
}

/** CPU in ms and peak memory in MB since the start. */
export interface Usage {
  cpu: number;
  rss: number;
}

export const REDIRECT_URI = 'https://fieldnotes.example/cb';
export const SECRETS = ['c3VwZXJjYWxpZnJhZ2lsaXN0aWNleHBpYWxpZG9jaW91czEyMzQ1'];
export const SCOPE = 'openid profile email';
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

export function signInWithoutPage(provider: Provider, accountId: string): Middleware {
  return async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next();
    const login = { accountId, amr: ['pwd'], acr: 'pwd' };
    ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, { login }));
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
