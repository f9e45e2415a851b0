import { createServer } from 'node:http';
import * as oidc from 'openid-client';

// A program on the user's computer that signs them in with the browser (RFC 8252): it listens on a loopback port,
// and has no client secret because it could not keep one.
const { ISSUER = 'http://localhost:3000', CLIENT_ID = '', PORT = '7000' } = process.env;
const redirectUri = `http://127.0.0.1:${PORT}/callback`;

const issuer = new URL(ISSUER);
const options = issuer.protocol === 'http:' ? { execute: [oidc.allowInsecureRequests] } : undefined;
const config = await oidc.discovery(issuer, CLIENT_ID, undefined, oidc.None(), options);

const verifier = oidc.randomPKCECodeVerifier();
const state = oidc.randomState();
const url = oidc.buildAuthorizationUrl(config, {
  redirect_uri: redirectUri,
  scope: 'openid profile email',
  code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
});

/** Waits for the browser to come back with the code. */
const callbackUrl = new Promise((resolve) => {
  const server = createServer((request, response) => {
    if (!request.url.startsWith('/callback?')) return response.writeHead(404).end();
    response.setHeader('Connection', 'close');
    response.end('You can close this window.');
    server.close();
    resolve(new URL(request.url, redirectUri));
  });
  server.listen(Number(PORT), '127.0.0.1');
});

process.stdout.write(`Open this address in your browser to sign in:\n\n${url}\n\n`);
const tokens = await oidc.authorizationCodeGrant(config, await callbackUrl, {
  pkceCodeVerifier: verifier,
  expectedState: state,
});
const { name, email } = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
process.stdout.write(`Signed in as ${name} <${email}>.\n`);

// Each refresh token works once; the answer has the next one. Store it where only the user can read it.
const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
process.stdout.write(`Refreshed: the new access token is valid for ${refreshed.expires_in} seconds.\n`);

await oidc.tokenRevocation(config, refreshed.refresh_token);
process.stdout.write('Signed out: the tokens are revoked.\n');
