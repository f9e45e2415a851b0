import { MAX_PICTURE_BYTES } from '../config/picture-size.ts';

/** A path of this server, and what the request pipeline does for it. */
export interface Route {
  /** `:name` stands for one segment of letters, digits, `_` and `-`, and `*` at the end for whatever follows. */
  path: string;
  /** The part that answers: our own pages, the protocol engine, or a middleware before both. */
  servedBy: 'pages' | 'engine' | 'middleware';
  /**
   * The reader of the response. `page`: a person in a browser, so it has the headers that protect pages. `script`: the
   * script of one of our pages. `endpoint`: an application, so errors are JSON whatever the request accepts.
   */
  audience: 'page' | 'script' | 'endpoint';
  /**
   * Which POST is accepted. `same-origin`: a form of our own pages. `json`: JSON of our own script. `as-get`: any form,
   * which becomes a GET. `none`: no form is expected here; an endpoint authenticates its POST by other means.
   */
  form: 'same-origin' | 'json' | 'as-get' | 'none';
  /** The methods that it accepts, beside OPTIONS. Unset for pages, whose router knows them, and for paths that do not exist. */
  methods?: string[] | undefined;
  /** The heading of the error page when its form was refused. */
  failure?: string;
  /** Its form has a file (multipart/form-data), and its body has at most this number of bytes. Other bodies are smaller. */
  maxUpload?: number;
  /** Whether sign-in may continue to this page. */
  afterSignIn?: true;
  /**
   * Whether the page is cut off from the one that opened it. Steps of an authorization request are not: an application
   * may show them in a pop-up, and waits until that is back.
   */
  isIsolated?: true;
}

const page = (path: string): Route => ({ path, servedBy: 'pages', audience: 'page', form: 'same-origin' });
const signedInPage = (path: string): Route => ({ ...page(path), afterSignIn: true });
const isolated = (routes: Route[]): Route[] => routes.map((route) => ({ ...route, isIsolated: true }));
const failing = (route: Route, failure: string): Route => ({ ...route, failure });
const script = (path: string): Route => ({ path, servedBy: 'pages', audience: 'script', form: 'json' });
const wellKnown = (path: string): Route => ({ path, servedBy: 'pages', audience: 'endpoint', form: 'none' });
const GET = ['GET', 'HEAD'];
const enginePage = (path: string, form: Route['form'], methods: string[]): Route => ({
  path,
  form,
  methods,
  servedBy: 'engine',
  audience: 'page',
});
const endpoint = (path: string, methods?: string[]): Route => ({
  path,
  methods,
  servedBy: 'engine',
  audience: 'endpoint',
  form: 'none',
});
const health = (path: string): Route => ({
  path,
  methods: GET,
  servedBy: 'middleware',
  audience: 'endpoint',
  form: 'none',
});

/** The picture of an account, and the fields beside it. */
const MAX_UPLOAD_BYTES = MAX_PICTURE_BYTES + 16 * 1024;

/** Every path but those of static files. */
export const ROUTES: Route[] = [
  // Steps of an authorization request.
  page('/interaction/:uid'),
  failing(page('/interaction/:uid/invitation'), 'The invitation was not used'),
  failing(page('/interaction/:uid/sign-in-with'), 'You were not signed in'),
  page('/interaction/:uid/second-factor'),
  page('/interaction/:uid/recovery-codes'),
  page('/interaction/:uid/recover'),
  page('/interaction/:uid/recovery-code'),
  page('/interaction/:uid/forgot'),
  script('/webauthn/registration/options'),
  script('/webauthn/registration/verify'),
  script('/webauthn/authentication/options'),
  script('/webauthn/authentication/verify'),

  // Connecting a device (RFC 8628).
  failing(page('/device'), 'No device was connected'),
  endpoint('/device/auth', ['POST']),
  enginePage('/device/:uid', 'none', GET),

  // Links in mails and invitations.
  page('/invitation'),
  page('/forgot'),
  page('/forgot/sent'),
  failing(page('/reset'), 'Your new password was not set'),
  page('/reset/done'),
  failing(signedInPage('/verify'), 'Your e-mail address was not confirmed'),
  page('/verify/done'),
  page('/recover'),
  failing(page('/not-me'), 'Nothing was signed out'),

  // Services send the browser back to it.
  page('/connections/:service/callback'),

  // The home page, the account and the console.
  page('/'),
  page('/code'),
  page('/signed-in'),
  ...isolated([
    signedInPage('/account'),
    failing(signedInPage('/account/security'), 'Your password was not changed'),
    failing(page('/account/security/keys'), 'The key was not changed'),
    failing(page('/account/security/app'), 'The authenticator app was not changed'),
    failing(page('/account/security/recovery-codes'), 'No recovery codes were created'),
    failing(signedInPage('/account/security/password'), 'Your password was not changed'),
    signedInPage('/account/confirm'),
    failing(signedInPage('/account/email'), 'Your e-mail address was not changed'),
    signedInPage('/account/recover'),
    failing(signedInPage('/account/profile'), 'Your profile was not changed'),
    {
      ...failing(page('/account/profile/picture'), 'Your picture was not changed'),
      maxUpload: MAX_UPLOAD_BYTES,
    },
    failing(page('/account/profile/preferences'), 'Your preferences were not changed'),
    failing(page('/account/profile/username'), 'Your username was not changed'),
    failing(signedInPage('/account/data'), 'No file was made'),
    signedInPage('/account/data/archive'),
    failing(page('/account/data/close'), 'Your account was not closed'),
    page('/account/closed'),
    signedInPage('/account/activity'),
    signedInPage('/account/applications'),
    failing(page('/account/applications/withdraw'), 'No access was ended'),
    signedInPage('/account/connections'),
    failing(signedInPage('/account/connections/:service'), 'Nothing was connected'),
    failing(page('/account/connections/:service/disconnect'), 'Nothing was disconnected'),
    failing(page('/account/connections/:service/withdraw'), 'No access was ended'),
    failing(page('/account/connections/:service/sign-in'), 'The connection was not changed'),
    signedInPage('/account/requests'),
    failing(page('/account/requests/answer'), 'The request was not answered'),
    signedInPage('/account/sessions'),
    failing(page('/account/sessions/end'), 'Nobody was signed out'),
    signedInPage('/admin'),
    signedInPage('/admin/invitations'),
    failing(signedInPage('/admin/invitations/new'), 'No invitation was created'),
    signedInPage('/admin/invitations/:id'),
    failing(page('/admin/invitations/:id/revoke'), 'The invitation was not revoked'),
    signedInPage('/admin/services'),
    signedInPage('/admin/services/new'),
    failing(signedInPage('/admin/services/new/:id'), 'The service was not added'),
    failing(signedInPage('/admin/services/:id'), 'The service was not changed'),
    failing(page('/admin/services/:id/state'), 'The service was not changed'),
    signedInPage('/admin/accounts'),
    signedInPage('/admin/accounts/details'),
    failing(page('/admin/accounts/change'), 'The account was not changed'),
    signedInPage('/admin/applications'),
    signedInPage('/admin/applications/details'),
    failing(page('/admin/applications/change'), 'The application was not changed'),
    signedInPage('/admin/trace'),
    signedInPage('/admin/signing-keys'),
    failing(page('/admin/signing-keys/rotate'), 'The keys were not rotated'),
    failing(page('/admin/signing-keys/retire'), 'The key was not rejected'),
  ]),

  wellKnown('/.well-known/oauth-protected-resource/:id'),
  // Loaded by applications, too.
  wellKnown('/pictures/:digest'),
  wellKnown('/logo'),
  wellKnown('/.well-known/webauthn'),
  wellKnown('/.well-known/passkey-endpoints'),
  wellKnown('/.well-known/change-password'),

  // OAuth 2.1 and OpenID Connect. OpenID Connect Core section 3.1.2.1 and RP-Initiated Logout section 2 allow POST.
  enginePage('/auth', 'as-get', [...GET, 'POST']),
  enginePage('/auth/:uid', 'none', GET),
  enginePage('/session/end', 'as-get', [...GET, 'POST']),
  enginePage('/session/end/confirm', 'same-origin', ['POST']),
  enginePage('/session/end/success', 'none', GET),
  endpoint('/request', ['POST']),
  endpoint('/backchannel', ['POST']),
  endpoint('/token', ['POST']),
  endpoint('/token/introspection', ['POST']),
  endpoint('/token/revocation', ['POST']),
  // Does not exist. An application that mistypes an endpoint is answered in JSON, too.
  endpoint('/token/:unknown'),
  endpoint('/register', ['POST']),
  endpoint('/register/:clientId', ['GET', 'PUT', 'DELETE']),
  endpoint('/me', [...GET, 'POST']),
  endpoint('/jwks', GET),
  endpoint('/.well-known/openid-configuration', GET),
  endpoint('/.well-known/oauth-authorization-server', GET),

  // The API of a service at which a person has connected an account (connections/proxy/).
  { path: '/connections/:service/proxy/*', servedBy: 'middleware', audience: 'endpoint', form: 'none' },

  health('/healthz'),
  health('/readyz'),
];

const fixed = new Map(ROUTES.filter(({ path }) => !path.includes(':')).map((route) => [route.path, route]));
const patterns = ROUTES.filter(({ path }) => path.includes(':')).map((route) => ({
  route,
  pattern: new RegExp(`^${route.path.replace(/:\w+/g, '[\\w-]+').replace(/\/\*$/, '(/.*)?')}$`, 'i'),
}));

/**
 * Finds the route of a path. Like the routers of pages and engine, it ignores a slash at the end and the case of letters:
 * another spelling must not go around a protection.
 */
export function findRoute(path: string): Route | undefined {
  const found = fixed.get(path);
  if (found) return found;
  const canonical = path.replace(/(?<=[^/])\/$/, '').toLowerCase();
  return fixed.get(canonical) ?? patterns.find(({ pattern }) => pattern.test(canonical))?.route;
}

/** A path in the spelling of its route. A path without a route stays as it is. */
export function spell(path: string): string {
  const parts = path.split('/');
  const route = findRoute(path)?.path.split('/') ?? [];
  return parts
    .map((part, index) => {
      const own = route[index];
      return own === undefined || own === '*' || own.startsWith(':') || part === '' ? part : own;
    })
    .join('/');
}
