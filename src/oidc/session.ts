import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';

/** What the engine's session has and its types leave out. */
interface EngineSession {
  id: string;
  exp: number;
  resetIdentifier(): void;
  persist(): Promise<string>;
}

/** The session of this browser goes on under another id; the old one opens nothing any more. */
export async function rotateSession(provider: Provider, secure: boolean, ctx: Context): Promise<void> {
  const session = (await provider.Session.get(ctx as never)) as unknown as EngineSession;
  session.resetIdentifier();
  await session.persist();
  ctx.cookies.set(provider.cookieName('session'), session.id, {
    httpOnly: true,
    sameSite: 'lax',
    secure,
    signed: true,
    overwrite: true,
    expires: new Date(session.exp * 1000),
  });
}
