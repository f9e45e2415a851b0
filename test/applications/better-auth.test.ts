import assert from 'node:assert/strict';
import { test } from 'node:test';
import { betterAuth } from 'better-auth';
import { genericOAuth } from 'better-auth/plugins';
import { fetchListener, openApplication, signInFor } from '../support/applications.ts';
import { Browser } from '../support/browser.ts';
import { startServer } from '../support/server.ts';

test('better-auth signs in by generic OAuth and reads the profile', async (t) => {
  const server = await startServer(t, 'sqlite');
  const person = await server.createAccount();
  const application = await openApplication(t);
  const client = await server.createClient({
    redirectUris: [`${application.origin}/api/auth/callback/latchkey`],
    pkce: 'always',
  });
  const auth = betterAuth({
    baseURL: application.origin,
    secret: 'a secret of the application that is long enough',
    telemetry: { enabled: false },
    plugins: [
      genericOAuth({
        config: [
          {
            providerId: 'latchkey',
            discoveryUrl: `${server.issuer}/.well-known/openid-configuration`,
            clientId: client.client_id,
            clientSecret: client.client_secret,
            scopes: ['openid', 'profile', 'email'],
            pkce: true,
          },
        ],
      }),
    ],
  });
  application.serve(fetchListener(application.origin, auth.handler));

  const visitor = new Browser(application.origin);
  const start = await visitor.request('/api/auth/sign-in/social', {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: application.origin },
    body: JSON.stringify({ provider: 'latchkey', callbackURL: '/home' }),
  });
  const { url } = (await start.json()) as { url: string };
  const callback = await signInFor(server, { visitor, redirect: url }, person);
  assert.equal(callback.headers.get('location'), '/home');

  const session = await (await visitor.get('/api/auth/get-session')).json();
  assert.equal((session as { user: Record<string, string> }).user.email, 'ada@harbour.example');
});
