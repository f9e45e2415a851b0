import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import * as oidc from 'openid-client';

// A web application that signs people in with the authorization code flow, PKCE, state and nonce.
const { ISSUER = 'http://localhost:3000', CLIENT_ID = '', CLIENT_SECRET = '', PORT = '4000' } = process.env;
const home = `http://localhost:${PORT}`;
const style = readFileSync(new URL('style.css', import.meta.url));

const issuer = new URL(ISSUER);
const options = issuer.protocol === 'http:' ? { execute: [oidc.allowInsecureRequests] } : undefined;
const config = await oidc.discovery(issuer, CLIENT_ID, CLIENT_SECRET, undefined, options);

async function signIn(response, session) {
  session.verifier = oidc.randomPKCECodeVerifier();
  session.state = oidc.randomState();
  session.nonce = oidc.randomNonce();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: `${home}/callback`,
    scope: 'openid profile email',
    code_challenge: await oidc.calculatePKCECodeChallenge(session.verifier),
    code_challenge_method: 'S256',
    state: session.state,
    nonce: session.nonce,
  });
  redirect(response, url);
}

async function callback(request, response, session) {
  const tokens = await oidc.authorizationCodeGrant(config, new URL(request.url, home), {
    pkceCodeVerifier: session.verifier,
    expectedState: session.state,
    expectedNonce: session.nonce,
  });
  session.idToken = tokens.id_token;
  session.claims = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  redirect(response, home);
}

function signOut(response, session) {
  const url = oidc.buildEndSessionUrl(config, {
    post_logout_redirect_uri: `${home}/`,
    ...(session.idToken ? { id_token_hint: session.idToken } : {}),
  });
  session.claims = undefined;
  redirect(response, url);
}

function showHome(response, { claims }) {
  if (!claims) {
    const form = '<form method="post" action="/sign-in"><button>Sign in</button></form>';
    page(response, 200, 'Fieldnotes', `<p>A small application that uses Latchkey to sign in.</p>${form}`);
    return;
  }
  const rows = Object.entries(claims).map(
    ([claim, value]) => `<div><dt>${escapeHtml(claim)}</dt><dd>${escapeHtml(value)}</dd></div>`,
  );
  const form = '<form method="post" action="/sign-out"><button>Sign out</button></form>';
  page(response, 200, 'Fieldnotes', `<p>You are signed in. Your claims:</p><dl>${rows.join('')}</dl>${form}`);
}

// Sessions in memory are enough for an example.
const sessions = new Map();

function sessionOf(request, response) {
  const id = /(?:^|; )session=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1];
  const found = id && sessions.get(id);
  if (found) return found;
  const session = {};
  const newId = randomUUID();
  sessions.set(newId, session);
  response.setHeader('Set-Cookie', `session=${newId}; HttpOnly; SameSite=Lax; Path=/`);
  return session;
}

const escapeHtml = (value) => String(value).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

function redirect(response, url) {
  response.writeHead(303, { Location: String(url) }).end();
}

function page(response, status, title, body) {
  response.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy':
      "default-src 'none'; style-src 'self'; form-action 'self' *; frame-ancestors 'none'",
    'Cache-Control': 'no-store',
  });
  response.end(`<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(title)}</title>
<link rel="stylesheet" href="/style.css"></head>
<body><main><h1>${escapeHtml(title)}</h1>${body}</main></body></html>`);
}

async function handle(request, response) {
  const { pathname } = new URL(request.url, home);
  if (pathname === '/style.css') {
    response.writeHead(200, { 'Content-Type': 'text/css; charset=utf-8' }).end(style);
    return;
  }
  const session = sessionOf(request, response);
  if (request.method === 'POST' && pathname === '/sign-in') return signIn(response, session);
  if (request.method === 'POST' && pathname === '/sign-out') return signOut(response, session);
  if (pathname === '/callback') return callback(request, response, session);
  if (pathname === '/') return showHome(response, session);
  page(response, 404, 'Page not found', '');
}

createServer((request, response) => {
  handle(request, response).catch((error) => {
    const reason = error.error ? `${error.error}: ${error.error_description ?? ''}` : error.message;
    page(response, 400, 'You are not signed in', `<p>${escapeHtml(reason)}</p><p><a href="/">Back</a></p>`);
  });
}).listen(Number(PORT), '127.0.0.1', () => process.stdout.write(`The example application is at ${home}\n`));
