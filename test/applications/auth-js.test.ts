import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fetchListener, openApplication, signInFor } from '../support/applications.ts';
import { Browser } from '../support/browser.ts';
import { startServer } from '../support/server.ts';

const require = createRequire(import.meta.url);
// Not imported, because its types would declare the globals of a browser for all of our code.
const { Auth }: { Auth(request: Request, config: object): Promise<Response> } = require('@auth/core');

test('@auth/core signs in with three values and reads the profile', async (t) => {
  const server = await startServer(t, 'sqlite');
  const person = await server.createAccount();
  const application = await openApplication(t);
  const client = await server.createClient({
    redirectUris: [`${application.origin}/auth/callback/latchkey`],
    pkce: 'always',
  });
  const config = {
    basePath: '/auth',
    trustHost: true,
    secret: 'a secret of the application that is long enough',
    logger: { error: (error: Error) => assert.fail(error) },
    providers: [
      {
        id: 'latchkey',
        name: 'Latchkey',
        type: 'oidc',
        issuer: server.issuer,
        clientId: client.client_id,
        clientSecret: client.client_secret,
      },
    ],
  };
  application.serve(fetchListener(application.origin, (request) => Auth(request, config)));

  const visitor = new Browser(application.origin);
  const { csrfToken } = (await (await visitor.get('/auth/csrf')).json()) as { csrfToken: string };
  const start = await visitor.post('/auth/signin/latchkey', { csrfToken });
  const redirect = start.headers.get('location');
  const callback = await signInFor(server, { visitor, redirect }, person);
  assert.equal(callback.headers.get('location'), application.origin);

  const session = (await (await visitor.get('/auth/session')).json()) as { user: Record<string, string> };
  assert.equal(session.user.email, 'ada@harbour.example');
});
