import assert from 'node:assert/strict';
import { test } from 'node:test';
import express from 'express';
import openid from 'express-openid-connect';
import session from 'express-session';
import passport from 'passport';
import OAuth2Strategy from 'passport-oauth2';
import { openApplication, signInFor } from '../support/applications.ts';
import { Browser } from '../support/browser.ts';
import { startServer } from '../support/server.ts';

const SECRET = 'a secret of the application that is long enough';

test('passport-oauth2 signs in without asking for a scope, and the token names the user', async (t) => {
  const server = await startServer(t, 'sqlite');
  const person = await server.createAccount();
  const application = await openApplication(t);
  const client = await server.createClient({
    redirectUris: [`${application.origin}/callback`],
    pkce: 'always',
  });
  const authenticator = new passport.Passport();
  authenticator.use(
    new OAuth2Strategy(
      {
        authorizationURL: `${server.issuer}/auth`,
        tokenURL: `${server.issuer}/token`,
        clientID: client.client_id,
        clientSecret: client.client_secret ?? '',
        callbackURL: `${application.origin}/callback`,
        pkce: true,
        state: true,
      },
      (accessToken: string, _refreshToken: string, _profile: unknown, done: OAuth2Strategy.VerifyCallback) =>
        done(null, { accessToken }),
    ),
  );
  const app = express();
  app.use(session({ secret: SECRET, resave: false, saveUninitialized: false }));
  app.get('/login', authenticator.authenticate('oauth2', { session: false }));
  app.get('/callback', authenticator.authenticate('oauth2', { session: false }), (request, response) => {
    response.json(request.user);
  });
  application.serve(app);

  const visitor = new Browser(application.origin);
  const redirect = (await visitor.get('/login')).headers.get('location');
  assert.ok(!redirect?.includes('scope='));
  const callback = await signInFor(server, { visitor, redirect }, person);
  const { accessToken } = (await callback.json()) as { accessToken: string };
  const me = await fetch(`${server.issuer}/me`, { headers: { authorization: `Bearer ${accessToken}` } });
  assert.deepEqual(await me.json(), { sub: person.id });
});

test('express-openid-connect signs in with response_type=code, and signs out', async (t) => {
  const server = await startServer(t, 'sqlite');
  const person = await server.createAccount();
  const application = await openApplication(t);
  const client = await server.createClient({
    redirectUris: [`${application.origin}/callback`],
    postLogoutRedirectUris: [application.origin],
    pkce: 'always',
  });
  const app = express();
  app.use(
    openid.auth({
      issuerBaseURL: server.issuer,
      baseURL: application.origin,
      clientID: client.client_id,
      clientSecret: client.client_secret,
      secret: SECRET,
      idpLogout: true,
      authorizationParams: { response_type: 'code', scope: 'openid profile email' },
    }),
  );
  app.get('/', (request, response) => void response.json(request.oidc.user));
  application.serve(app);

  const visitor = new Browser(application.origin);
  const browser = new Browser(server.issuer);
  const redirect = (await visitor.get('/')).headers.get('location');
  const callback = await signInFor(server, { visitor, redirect }, person, browser);
  const home = await visitor.follow(callback);
  assert.equal(((await home.json()) as Record<string, string>).email, 'ada@harbour.example');

  const logout = (await visitor.get('/logout')).headers.get('location') ?? '';
  const signedOut = await browser.get(logout);
  assert.equal(signedOut.headers.get('location'), `${application.origin}/`);
});
