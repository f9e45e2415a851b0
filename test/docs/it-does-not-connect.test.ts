import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { UnsecuredJWT } from 'jose';
import { pino } from 'pino';
import { projectPath } from '../../src/kit/project-root.ts';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { Browser, formOf } from '../support/browser.ts';
import {
  answerOf,
  authorization,
  authorizeUrl,
  call,
  redeem,
  refresh,
  signInWith,
  type TokenAnswer,
  walk,
} from '../support/builders/authorization.ts';
import { createKey, sign } from '../support/builders/client-assertions.ts';
import { askForToken } from '../support/builders/hand-outs.ts';
import { EXCHANGE } from '../support/builders/token-exchange.ts';
import { startServer } from '../support/server.ts';

const page = readFileSync(projectPath('docs/connect/it-does-not-connect.md'), 'utf8');
const NO_PKCE = { code_challenge: undefined, code_challenge_method: undefined };

/** The quotations of the table whose first column has that heading. */
function quotedUnder(heading: string): string[] {
  const [, table = ''] = page.split(`| ${heading} |`);
  return [...(table.split('\n\n')[0] ?? '').matchAll(/^\| `([^`]+)` \|/gm)].map(([, text = '']) => text);
}

const asText = (error: unknown, description: unknown) => [error, description].filter(Boolean).join(': ');
const inBody = ({ body }: TokenAnswer) => asText(body.error, body.error_description);

/** The error in the address that the browser is sent to. */
function inRedirect(response: Response): string {
  const { search, hash } = new URL(response.headers.get('location') ?? '');
  const answer = new URLSearchParams(search || hash.slice(1));
  return asText(answer.get('error'), answer.get('error_description'));
}

async function open(t: Parameters<typeof startServer>[0]) {
  const lines: Record<string, string>[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const server = await startServer(t, 'sqlite', { log });
  const browser = () => new Browser(server.issuer);
  return {
    server,
    ada: await server.createAccount(),
    client: await server.createClient(),
    browser,
    lastDetail: () => lines.findLast(({ detail }) => detail)?.detail,
    request: (client: ClientDocument, overrides: Record<string, string | undefined>, visitor = browser()) =>
      visitor.get(authorizeUrl(authorization(client, overrides))),
  };
}

async function refusedSignIn(server: { issuer: string }, client: ClientDocument): Promise<Response> {
  const browser = new Browser(server.issuer);
  const page = await browser.follow(await browser.get(authorizeUrl(authorization(client))));
  const { action, fields } = await formOf(page);
  return browser.post(action, { ...fields, username: 'ada', password: 'a wrong password' });
}

describe('the page "It does not connect" quotes the server:', () => {
  test('the pages that a visitor stays on', async (t) => {
    const { server, ada, client, browser, request } = await open(t);
    const disabled = await server.createClient();
    await server.clients.disable({ accountId: null }, disabled.client_id);
    const signedIn = await signInWith(server, client, ada);
    const target = `client_id=${client.client_id}&post_logout_redirect_uri=https://other.example/`;
    const shown = await Promise.all(
      [
        await request(client, { client_id: 'unknown' }),
        await request(client, { redirect_uri: 'https://fieldnotes.example/cb/' }),
        await request(client, { redirect_uri: undefined }),
        await refusedSignIn(server, client),
        await browser().get('/interaction/gone'),
        await request(client, { state: 'x'.repeat(2100) }),
        await signedIn.browser.get(`/session/end?${target}`),
        await browser().get('/session/end?id_token_hint=x'),
        await request(disabled, {}),
      ].map(async (response) => (await response.text()).replaceAll('&#39;', "'")),
    );
    const quoted = quotedUnder('the page says');
    assert.deepEqual(
      [...quoted, 'This application is not registered here'].map((text, at) => [
        text,
        shown[at]?.includes(text),
      ]),
      [...quoted, 'This application is not registered here'].map((text) => [text, true]),
    );
  });

  test('the errors that an application gets instead of a code', async (t) => {
    const { server, ada, client, browser, request } = await open(t);
    const spa = await server.createClient({ public: true });
    const limited = await server.createClient({ authorizationTypes: ['payment'] });
    const api = await server.createClient({ scope: 'calendar:read' });
    const bob = await server.createAccount('bob', 'profile');
    const first = await signInWith(server, client, ada);
    const again = { nonce: first.request.params.nonce };
    const answers = [
      await request(client, { ...NO_PKCE, nonce: undefined }),
      await request(client, { ...NO_PKCE, nonce: undefined, scope: 'email' }),
      await request(spa, NO_PKCE),
      await request(client, { code_challenge_method: 'plain' }),
      await first.browser.follow(await request(client, again, first.browser)),
      await request(client, { response_type: 'id_token' }),
      await request(client, { response_mode: 'web_message' }),
      await request(client, { scope: 'groups' }),
      await request(api, { scope: undefined }),
      await walk(browser(), authorization(client, { scope: 'email', nonce: undefined }), bob),
      await walk(browser(), authorization(api, { scope: 'calendar:read' }), ada),
      await walk(browser(), authorization(client, { prompt: 'consent' }), ada, 'deny'),
      await request(client, { prompt: 'none' }),
      await request(spa, { prompt: 'none' }, first.browser),
      await request(client, { prompt: 'none', acr_values: 'phr' }, first.browser),
      await request(await server.createClient({ requirePar: true }), {}),
      await request(client, { resource: 'https://unknown.example' }),
      await request(limited, { authorization_details: '[{"type":"other"}]' }),
      await request(client, { authorization_details: '[{"type":"other"}]' }),
      await request(client, { request: new UnsecuredJWT({}).encode() }),
      await request(client, {
        request: await sign(server, client.client_id, await createKey('ES256', 'unknown'), {
          claims: { sub: undefined },
        }),
      }),
      await request(await server.createClient({ requireSignedRequest: true }), {}),
    ];
    assert.deepEqual(answers.map(inRedirect), quotedUnder('the application gets'));
  });

  test('the errors of the token endpoint', async (t) => {
    const { server, client } = await open(t);
    const service = await server.createClient({
      redirectUris: [],
      grantTypes: ['client_credentials'],
      scope: 'reports:read',
    });
    const exchanging = await server.createClient({ grantTypes: ['authorization_code', EXCHANGE] });
    const code = {
      grant_type: 'authorization_code',
      code: 'x',
      redirect_uri: 'https://fieldnotes.example/cb',
    };
    const credentials = { client_id: client.client_id, client_secret: client.client_secret };
    const send = async (init: RequestInit) => {
      const response = await fetch(`${server.issuer}/token`, { method: 'POST', ...init });
      const { error, error_description } = (await response.json()) as Record<string, string>;
      return asText(error, error_description?.replace(/[0-9a-f-]{36}$/, 'CLIENT_ID'));
    };
    assert.deepEqual(
      [
        inBody(await call(server, { ...client, client_secret: 'x' }, '/token', code)),
        inBody(await call(server, client, '/token', { ...code, ...credentials })),
        inBody(await call(server, client, '/token', { grant_type: 'client_credentials' })),
        inBody(await askForToken(server, exchanging, 'x')),
        inBody(await call(server, client, '/token', { grant_type: 'password' })),
        await send({ headers: { 'content-type': 'application/json' }, body: JSON.stringify(code) }),
        inBody(await call(server, client, '/token', { ...code, redirect_uri: undefined })),
        inBody(await call(server, service, '/token', { grant_type: 'client_credentials', scope: 'openid' })),
        inBody(
          await call(server, service, '/token', {
            grant_type: 'client_credentials',
            authorization_details: '[{"type":"payment"}]',
          }),
        ),
        await send({
          headers: { origin: 'https://other.example' },
          body: new URLSearchParams({
            ...code,
            client_id: client.client_id,
            client_secret: String(client.client_secret),
          }),
        }),
        inBody(await call(server, client, '/token', code)),
      ],
      quotedUnder('`/token` answers'),
    );
  });

  test('the details of invalid_grant in the log', async (t) => {
    const { server, ada, client, browser, lastDetail } = await open(t);
    const other = await server.createClient();
    const freshCode = async () => {
      const request = authorization(client);
      return { request, code: answerOf(await walk(browser(), request, ada)).get('code') };
    };
    const [used, misdirected, unproven, foreign] = [
      await freshCode(),
      await freshCode(),
      await freshCode(),
      await freshCode(),
    ];
    await redeem(server, client, used.request, used.code);
    const renewed = await signInWith(server, client, ada, { scope: 'openid offline_access' });
    const token = renewed.tokens.body.refresh_token;
    await refresh(server, client, token);
    const attempts = [
      () => redeem(server, client, used.request, 'x'),
      () => redeem(server, client, used.request, used.code),
      () =>
        redeem(server, client, misdirected.request, misdirected.code, { redirect_uri: 'https://x.example/' }),
      () => redeem(server, client, unproven.request, unproven.code, { code_verifier: undefined }),
      () => redeem(server, client, unproven.request, unproven.code, { code_verifier: 'x'.repeat(43) }),
      () => redeem(server, other, foreign.request, foreign.code),
      () => refresh(server, client, 'x'),
      async () => {
        t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 60_000 });
        const answer = await refresh(server, client, token);
        t.mock.timers.reset();
        return answer;
      },
    ];
    const bound = await server.createClient({ requireDpop: true });
    const request = authorization(bound);
    const code = answerOf(await walk(browser(), request, ada)).get('code');
    attempts.push(() => redeem(server, bound, request, code));
    const details: unknown[] = [];
    for (const attempt of attempts) {
      assert.equal(inBody(await attempt()), 'invalid_grant: grant request is invalid');
      details.push(lastDetail());
    }
    assert.deepEqual(details, quotedUnder('`detail` in the log'));
  });

  test('the errors of userinfo', async (t) => {
    const { server } = await open(t);
    const ask = async (path: string, headers: Record<string, string>) => {
      const response = await fetch(`${server.issuer}${path}`, { headers });
      const { error, error_description } = (await response.json()) as Record<string, string>;
      return asText(error, error_description);
    };
    assert.deepEqual(
      [
        await ask('/me', {}),
        await ask('/me', { authorization: 'Bearer x' }),
        await ask('/me?access_token=x', {}),
      ],
      quotedUnder('`/me` answers'),
    );
  });
});
