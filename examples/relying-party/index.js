import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import * as oidc from 'openid-client';

/** A small application that signs people in with OpenID Connect: code flow, PKCE, state and nonce. */
const { ISSUER = 'http://localhost:3000', CLIENT_ID = '', CLIENT_SECRET = '', PORT = '4000' } = process.env;
const home = `http://localhost:${PORT}`;
const style = readFileSync(new URL('style.css', import.meta.url));
const redirectUri = `${home}/callback`;

const issuer = new URL(ISSUER);
const insecure = issuer.protocol === 'http:' ? { execute: [oidc.allowInsecureRequests] } : undefined;
const config = await oidc.discovery(issuer, CLIENT_ID, CLIENT_SECRET, undefined, insecure);

/** In memory, by a cookie: enough for an example. Each has verifier, state, nonce, idToken and claims. */
const visits = new Map();

function visitOf(request, response) {
  const known = /(?:^|; )visit=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1];
  const found = known && visits.get(known);
  if (found) return found;
  const id = randomUUID();
  const visit = {};
  visits.set(id, visit);
  response.setHeader('Set-Cookie', `visit=${id}; HttpOnly; SameSite=Lax; Path=/`);
  return visit;
}

const escaped = (value) => String(value).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

function page(response, status, title, body) {
  response.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy':
      "default-src 'none'; style-src 'self'; form-action 'self' *; frame-ancestors 'none'",
    'Cache-Control': 'no-store',
  });
  response.end(`<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>${escaped(title)}</title>
<link rel="stylesheet" href="/style.css"></head>
<body><main><h1>${escaped(title)}</h1>${body}</main></body></html>`);
}

function redirect(response, url) {
  response.writeHead(303, { Location: String(url) });
  response.end();
}

function showHome(response, visit) {
  if (!visit.claims) {
    page(
      response,
      200,
      'Fieldnotes',
      '<p>A small application that knows you by Latchkey.</p><form method="post" action="/sign-in"><button>Sign in</button></form>',
    );
    return;
  }
  const rows = Object.entries(visit.claims).map(
    ([claim, value]) => `<div><dt>${escaped(claim)}</dt><dd>${escaped(value)}</dd></div>`,
  );
  const body = `<p>Signed in. These are the claims that came:</p><dl>${rows.join('')}</dl>
<form method="post" action="/sign-out"><button>Sign out</button></form>`;
  page(response, 200, 'Fieldnotes', body);
}

async function signIn(response, visit) {
  Object.assign(visit, {
    verifier: oidc.randomPKCECodeVerifier(),
    state: oidc.randomState(),
    nonce: oidc.randomNonce(),
  });
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: 'openid profile email',
    code_challenge: await oidc.calculatePKCECodeChallenge(String(visit.verifier)),
    code_challenge_method: 'S256',
    state: String(visit.state),
    nonce: String(visit.nonce),
  });
  redirect(response, url);
}

async function callback(request, response, visit) {
  const { verifier, state, nonce } = visit;
  const tokens = await oidc.authorizationCodeGrant(config, new URL(request.url ?? '/', home), {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
  });
  const told = tokens.claims();
  visit.idToken = tokens.id_token;
  visit.claims = { ...(await oidc.fetchUserInfo(config, tokens.access_token, String(told?.sub))) };
  redirect(response, home);
}

function signOut(response, visit) {
  const url = oidc.buildEndSessionUrl(config, {
    post_logout_redirect_uri: `${home}/`,
    ...(visit.idToken ? { id_token_hint: visit.idToken } : {}),
  });
  visit.claims = undefined;
  redirect(response, url);
}

async function handle(request, response) {
  const path = new URL(request.url ?? '/', home).pathname;
  if (path === '/style.css') {
    response.writeHead(200, { 'Content-Type': 'text/css; charset=utf-8' }).end(style);
    return;
  }
  const visit = visitOf(request, response);
  if (request.method === 'POST' && path === '/sign-in') return signIn(response, visit);
  if (request.method === 'POST' && path === '/sign-out') return signOut(response, visit);
  if (path === '/callback') return callback(request, response, visit);
  if (path === '/') return showHome(response, visit);
  page(response, 404, 'There is nothing here', '');
}

createServer((request, response) => {
  handle(request, response).catch((error) => {
    const why = error.error ? `${error.error}: ${error.error_description ?? ''}` : error.message;
    page(response, 400, 'You were not signed in', `<p>${escaped(why)}</p><p><a href="/">Back</a></p>`);
  });
}).listen(Number(PORT), '127.0.0.1', () => process.stdout.write(`The example application is at ${home}\n`));
