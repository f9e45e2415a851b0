import type Router from '@koa/router';

const PATH = '/logo';
const DATA_URL = /^data:(image\/[a-z+]+);base64,(.+)$/s;

/** Where the logo of an application is. A page that lists many loads only those that are seen. */
export const logoPath = (clientId: string) => `${PATH}?${new URLSearchParams({ client_id: clientId })}`;

/** Serves the logo of an application. Nobody needs to be signed in: the consent page shows the same logo to everyone. */
export function createLogoRoute(
  router: Router,
  deps: {
    /** The logo as a `data:` URL; null if the application has no logo. */
    findLogo(clientId: string): Promise<string | null>;
  },
): void {
  router.get(PATH, async (ctx) => {
    const { client_id: clientId } = ctx.query;
    const logo = typeof clientId === 'string' ? await deps.findLogo(clientId) : null;
    const [, type, base64 = ''] = DATA_URL.exec(logo ?? '') ?? [];
    if (type === undefined) {
      ctx.status = 404;
      ctx.body = { error: 'not_found' };
      return;
    }
    // Opened by itself, an SVG could otherwise run scripts on our origin.
    ctx.set('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    ctx.set('Cache-Control', 'private, max-age=600');
    ctx.type = type;
    ctx.body = Buffer.from(base64, 'base64');
  });
}
