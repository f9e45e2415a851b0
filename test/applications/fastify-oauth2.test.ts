import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fastifyOauth2 } from '@fastify/oauth2';
import fastify from 'fastify';
import { signInFor } from '../support/applications.ts';
import { Browser } from '../support/browser.ts';
import { freePort } from '../support/free-port.ts';
import { startServer } from '../support/server.ts';

test('@fastify/oauth2 discovers the server, signs in with PKCE, reads userinfo and revokes', async (t) => {
  const server = await startServer(t, 'sqlite');
  const person = await server.createAccount();
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const client = await server.createClient({ redirectUris: [`${origin}/callback`], pkce: 'always' });
  const app = fastify();
  t.after(() => app.close());
  await app.register(fastifyOauth2, {
    name: 'oauth2Latchkey',
    scope: ['openid', 'profile', 'email', 'offline_access'],
    credentials: { client: { id: client.client_id, secret: client.client_secret ?? '' } },
    startRedirectPath: '/login',
    callbackUri: `${origin}/callback`,
    discovery: { issuer: server.issuer },
    pkce: 'S256',
  });
  app.get('/callback', async (request, reply) => {
    const oauth2 = app.oauth2Latchkey;
    assert.ok(oauth2);
    const { token } = await oauth2.getAccessTokenFromAuthorizationCodeFlow(request, reply);
    const fresh = await oauth2.getNewAccessTokenUsingRefreshToken(token, {});
    const user = await oauth2.userinfo(fresh.token.access_token);
    await oauth2.revokeAllToken(fresh.token, undefined);
    return { user, revoked: fresh.token.access_token };
  });
  await app.listen({ port, host: '127.0.0.1' });

  const visitor = new Browser(origin);
  const redirect = (await visitor.get('/login')).headers.get('location');
  const callback = await signInFor(server, { visitor, redirect }, person);
  const { user, revoked } = (await callback.json()) as { user: Record<string, string>; revoked: string };
  assert.equal(user.email, 'ada@harbour.example');
  const me = await fetch(`${server.issuer}/me`, { headers: { authorization: `Bearer ${revoked}` } });
  assert.equal(me.status, 401);
});
