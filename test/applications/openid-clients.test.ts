import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { before, describe, test } from 'node:test';
import express, { type RequestHandler } from 'express';
import session from 'express-session';
import passport from 'passport';
import OpenIDConnectStrategy, { type Profile, type VerifyCallback } from 'passport-openidconnect';
import { openApplication, signInFor } from '../support/applications.ts';
import { Browser } from '../support/browser.ts';
import { shareServer } from '../support/shared-server.ts';

const require = createRequire(import.meta.url);
// Not imported, because its types would declare the globals of a browser for all of our code.
const { ExpressAuth }: { ExpressAuth(config: object): RequestHandler } = require('@auth/express');

const SECRET = 'a secret of the application that is long enough';

describe('unchanged OpenID Connect clients for Express', () => {
  const shared = shareServer();
  let ada: { id: string; username: string; password: string };
  before(async () => {
    ada = await shared.server.createAccount();
  });

  test('passport-openidconnect signs in, and reads the profile from userinfo and the ID token', async (t) => {
    const { server } = shared;
    const application = await openApplication(t);
    for (const idTokenClaims of ['scope', 'requested'] as const) {
      const client = await server.createClient({
        redirectUris: [`${application.origin}/callback`],
        idTokenClaims,
      });
      const authenticator = new passport.Passport();
      const verify = (_issuer: string, profile: Profile, done: VerifyCallback) => done(null, profile);
      authenticator.use(
        new OpenIDConnectStrategy(
          {
            issuer: server.issuer,
            authorizationURL: `${server.issuer}/auth`,
            tokenURL: `${server.issuer}/token`,
            userInfoURL: `${server.issuer}/me`,
            clientID: client.client_id,
            clientSecret: client.client_secret ?? '',
            callbackURL: `${application.origin}/callback`,
            scope: ['profile', 'email'],
            // It knows no PKCE.
            nonce: 'true',
            skipUserProfile: false,
          },
          verify,
        ),
      );
      const app = express();
      app.use(session({ secret: SECRET, resave: false, saveUninitialized: false }));
      app.get('/login', authenticator.authenticate('openidconnect', { session: false }));
      app.get(
        '/callback',
        authenticator.authenticate('openidconnect', { session: false }),
        (request, response) => void response.json(request.user),
      );
      application.serve(app);
      const visitor = new Browser(application.origin);
      const redirect = (await visitor.get('/login')).headers.get('location');
      const callback = await signInFor(server, { visitor, redirect }, ada);
      const profile = (await callback.json()) as Profile;
      assert.deepEqual([profile.id, profile.username], [ada.id, 'ada'], idTokenClaims);
      assert.equal(profile.emails?.[0]?.value, 'ada@harbour.example');
    }
  });

  test('@auth/express signs in with three values, and its session has the profile', async (t) => {
    const { server } = shared;
    const application = await openApplication(t);
    const client = await server.createClient({
      redirectUris: [`${application.origin}/auth/callback/latchkey`],
      pkce: 'always',
    });
    const app = express();
    app.set('trust proxy', true);
    app.use(
      // Express 5 has no other path that captures the rest as the library expects it.
      /^\/auth\/(.*)$/,
      ExpressAuth({
        trustHost: true,
        secret: SECRET,
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
      }),
    );
    application.serve(app);
    const visitor = new Browser(application.origin);
    const { csrfToken } = (await (await visitor.get('/auth/csrf')).json()) as { csrfToken: string };
    const start = await visitor.post('/auth/signin/latchkey', { csrfToken });
    const redirect = start.headers.get('location');
    await signInFor(server, { visitor, redirect }, ada);
    const { user } = (await (await visitor.get('/auth/session')).json()) as { user: Record<string, string> };
    assert.equal(user.email, 'ada@harbour.example');
  });
});
