import { createHash, randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { generateKeyPair, SignJWT } from 'jose';
import { googleDiscovery, PATHS } from '../fixtures/google.ts';
import { answerGoogleApi } from './google-api.ts';
import { json, serve, type UpstreamRequest } from './http.ts';

/** A person with an account there. */
interface UpstreamUser {
  sub: string;
  email: string;
  name: string;
}

interface Grant {
  user: UpstreamUser;
  scope: string;
  isRevoked: boolean;
}

/** What a test can change at any time. */
interface Knobs {
  /** The person who is signed in there. */
  user: UpstreamUser;
  /** The person sees a page with a tick box for each scope and a button. Otherwise they are sent back at once. */
  showsConsent: boolean;
  /** Scopes that the person does not allow. */
  unticked: string[];
  /** The error with which they are sent back. */
  denies: string | undefined;
  /** Another `iss` in the response; null: none. */
  iss: string | null | undefined;
  /** Members of the ID token that replace the right ones. */
  idToken: Record<string, unknown>;
  /** Whether a refresh brings a new refresh token, and ends the old one. */
  rotates: boolean;
  /** Seconds for which access tokens live. */
  expiresIn: number;
  /** What the token endpoint answers instead. `die`: half of an answer, then nothing. */
  tokenFault: { status: number; body: unknown; headers?: Record<string, string> } | 'die' | undefined;
  /** Milliseconds that the token endpoint takes. */
  delay: number;
  /** The status of the revocation endpoint. */
  revokeStatus: number;
  /** Called when a request for tokens has arrived. */
  onToken(): unknown;
  /** Called in the middle of a refresh: the answer is decided and not sent yet. */
  onRefresh(): unknown;
}

let key: ReturnType<typeof generateKeyPair> | undefined;
/** One for the whole process, because it takes a tenth of a second to make. */
function signingKey() {
  key ??= generateKeyPair('RS256');
  return key;
}

const DENIED = { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' };

/** A service that behaves like Google: https://developers.google.com/identity/protocols/oauth2/web-server */
export async function startGoogle(t: Pick<TestContext, 'after'>) {
  /** Every secret that it has made: its own, codes and tokens. */
  const secrets: string[] = [];
  const token = (kind: string) => {
    const made = `${kind}-${randomBytes(18).toString('base64url')}`;
    secrets.push(made);
    return made;
  };
  const clientId = `client-${randomBytes(6).toString('hex')}.apps.example`;
  const clientSecret = token('secret');
  const { privateKey } = await signingKey();
  const knobs: Knobs = {
    user: { sub: '100000000000000000001', email: 'ada@gmail.example', name: 'Ada at Google' },
    showsConsent: false,
    unticked: [],
    denies: undefined,
    iss: undefined,
    idToken: {},
    rotates: false,
    expiresIn: 3599,
    tokenFault: undefined,
    delay: 0,
    revokeStatus: 200,
    onToken: () => undefined,
    onRefresh: () => undefined,
  };
  const codes = new Map<string, { grant: Grant; params: URLSearchParams; isUsed: boolean }>();
  const access = new Map<string, { grant: Grant; expiresAt: number }>();
  const refreshes = new Map<string, Grant>();
  const counts = { codes: 0, refreshes: 0, revocations: 0 };

  function authorize(res: ServerResponse, params: URLSearchParams): unknown {
    if (params.get('client_id') !== clientId) return json(res, 401, { error: 'invalid_client' });
    if (knobs.showsConsent && params.get('allowed') === null) {
      const hidden = [...params].map(
        ([name, value]) => `<input type="hidden" name="${name}" value="${value}">`,
      );
      const scopes = String(params.get('scope')).split(' ');
      const boxes = scopes.map(
        (scope) => `<label><input type="checkbox" name="tick" value="${scope}" checked>${scope}</label>`,
      );
      res.writeHead(200, { 'content-type': 'text/html' });
      return res.end(
        `<html lang="en"><title>Sign in</title><h1>Choose what it can access</h1><form>${hidden.join('')}${boxes.join('<br>')}<button name="allowed" value="yes">Continue</button><button name="allowed" value="no">Cancel</button></form>`,
      );
    }
    const back = new URL(String(params.get('redirect_uri')));
    back.searchParams.set('state', params.get('state') ?? '');
    if (knobs.iss !== null) back.searchParams.set('iss', knobs.iss ?? google.url);
    const error = knobs.denies ?? (params.get('allowed') === 'no' ? 'access_denied' : undefined);
    if (error) back.searchParams.set('error', error);
    else {
      const ticked = params.has('allowed') ? params.getAll('tick') : String(params.get('scope')).split(' ');
      const scope = ticked.filter((one) => !knobs.unticked.includes(one)).join(' ');
      const code = token('4/code');
      codes.set(code, { grant: { user: knobs.user, scope, isRevoked: false }, params, isUsed: false });
      back.searchParams.set('code', code);
      back.searchParams.set('scope', scope);
    }
    return res.writeHead(302, { location: back.href }).end();
  }

  /** A new access token, and perhaps a refresh token. */
  function issue(grant: Grant, withRefresh: boolean) {
    const accessToken = token('ya29');
    access.set(accessToken, { grant, expiresAt: Date.now() + knobs.expiresIn * 1000 });
    const refreshToken = withRefresh ? token('1//refresh') : undefined;
    if (refreshToken) refreshes.set(refreshToken, grant);
    return {
      access_token: accessToken,
      expires_in: knobs.expiresIn,
      token_type: 'Bearer',
      scope: grant.scope,
      ...(refreshToken && { refresh_token: refreshToken }),
    };
  }

  async function redeem(fields: URLSearchParams) {
    const found = codes.get(fields.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(fields.get('code_verifier') ?? '')
      .digest('base64url');
    const isRight =
      found &&
      !found.isUsed &&
      found.params.get('code_challenge') === challenge &&
      found.params.get('redirect_uri') === fields.get('redirect_uri');
    if (!isRight) return { status: 400, body: { error: 'invalid_grant', error_description: 'Bad Request' } };
    found.isUsed = true;
    counts.codes += 1;
    const { grant, params } = found;
    const now = Math.floor(Date.now() / 1000);
    const nonce = params.get('nonce');
    const claims = { iss: google.url, aud: clientId, iat: now, exp: now + 3600, email_verified: true };
    const idToken = await new SignJWT({ ...claims, ...grant.user, ...(nonce && { nonce }), ...knobs.idToken })
      .setProtectedHeader({ alg: 'RS256', kid: 'first' })
      .sign(privateKey);
    const isOpenId = grant.scope.split(' ').includes('openid');
    const tokens = issue(grant, params.get('access_type') === 'offline');
    return { status: 200, body: { ...tokens, ...(isOpenId && { id_token: idToken }) } };
  }

  async function refresh(fields: URLSearchParams) {
    counts.refreshes += 1;
    const sent = fields.get('refresh_token') ?? '';
    const grant = refreshes.get(sent);
    if (!grant || grant.isRevoked) return { status: 400, body: DENIED };
    if (knobs.rotates) refreshes.delete(sent);
    const body = issue(grant, knobs.rotates);
    await knobs.onRefresh();
    return { status: 200, body };
  }

  async function answerToken(res: ServerResponse, { body, headers }: UpstreamRequest): Promise<unknown> {
    const fields = new URLSearchParams(body);
    const basic = Buffer.from(String(headers.authorization ?? '').slice(6), 'base64').toString();
    const isClient =
      (fields.get('client_id') === clientId && fields.get('client_secret') === clientSecret) ||
      basic === `${clientId}:${clientSecret}`;
    if (!isClient) return json(res, 401, { error: 'invalid_client' });
    knobs.onToken();
    if (knobs.delay > 0) await sleep(knobs.delay);
    const fault = knobs.tokenFault;
    if (fault === 'die') {
      counts.refreshes += fields.get('grant_type') === 'refresh_token' ? 1 : 0;
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': '900' }).write('{"access');
      return setTimeout(() => res.destroy(), 20);
    }
    if (fault) {
      counts.refreshes += fields.get('grant_type') === 'refresh_token' ? 1 : 0;
      return json(res, fault.status, fault.body, fault.headers);
    }
    const { status, body: answer } =
      fields.get('grant_type') === 'refresh_token' ? await refresh(fields) : await redeem(fields);
    return json(res, status, answer);
  }

  /** Revoking one token ends the whole grant of that person. */
  function revoke(res: ServerResponse, body: string, url: URL): unknown {
    counts.revocations += 1;
    const sent = new URLSearchParams(body).get('token') ?? url.searchParams.get('token') ?? '';
    const grant = refreshes.get(sent) ?? access.get(sent)?.grant;
    if (knobs.revokeStatus !== 200) return json(res, knobs.revokeStatus, { error: 'backend' });
    if (!grant) return json(res, 400, { error: 'invalid_token' });
    grant.isRevoked = true;
    return json(res, 200, {});
  }

  const google = await serve(t, async (res, request, url) => {
    const { pathname, searchParams } = url;
    if (pathname === '/.well-known/openid-configuration') json(res, 200, googleDiscovery(google.url));
    else if (pathname === PATHS.authorize) authorize(res, searchParams);
    else if (pathname === PATHS.token) await answerToken(res, request);
    else if (pathname === PATHS.revoke) revoke(res, request.body, url);
    else {
      const sent = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
      const found = access.get(sent);
      if (!found || found.grant.isRevoked || found.expiresAt < Date.now())
        json(res, 401, { error: { code: 401, status: 'UNAUTHENTICATED' } }, { 'www-authenticate': 'Bearer' });
      else if (pathname === PATHS.userinfo) json(res, 200, found.grant.user);
      else return answerGoogleApi(res, url, found.grant);
    }
    return true;
  });
  return {
    ...google,
    clientId,
    clientSecret,
    secrets,
    knobs,
    counts,
    /** Whether that refresh token still works there. */
    isRefreshable: (refreshToken: string) => refreshes.get(refreshToken)?.isRevoked === false,
    isLive: (accessToken: string) => access.get(accessToken)?.grant.isRevoked === false,
    /** Tokens of a person who has connected without a browser. */
    grant(user = knobs.user, scope = 'openid email calendar.readonly') {
      return issue({ user, scope, isRevoked: false }, true);
    },
    /** Ends every access token at once; refresh tokens stay. */
    expireAccess: () => access.clear(),
    /** The person removes the application in their account there. */
    revokeAll() {
      for (const grant of refreshes.values()) grant.isRevoked = true;
    },
  };
}

export type GoogleLike = Awaited<ReturnType<typeof startGoogle>>;
