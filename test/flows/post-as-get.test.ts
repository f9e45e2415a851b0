import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { answerOf, authorization, redeem, signInWith } from '../support/builders/authorization.ts';
import { startServer } from '../support/server.ts';

const ELSEWHERE = { origin: 'https://fieldnotes.example', 'sec-fetch-site': 'cross-site' };

test('another site may send an authorization or sign-out request as a form', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  const { browser, tokens } = await signInWith(server, client, await server.createAccount());
  const request = authorization(client, { prompt: 'none', state: '"><script>&=%' });
  const sent = await browser.post('/auth', request.params, ELSEWHERE);
  assert.equal(sent.status, 303);
  const answer = answerOf(await browser.follow(sent));
  assert.equal(answer.get('state'), request.params.state);
  assert.equal((await redeem(server, client, request, answer.get('code'))).status, 200);
  const hint = { id_token_hint: String(tokens.body.id_token) };
  const left = await browser.follow(await browser.post('/session/end', hint, ELSEWHERE));
  assert.match(await left.text(), /You are signed out/);
});

test('a form that is too large, has a field twice, is malformed or no form is refused without a redirect', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient();
  const { params } = authorization(client);
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const bodies: [string, Record<string, string>, number?][] = [
    [String(new URLSearchParams({ ...params, state: 'a'.repeat(12_000) })), form, 413],
    [String(new URLSearchParams({ ...params, state: 'a'.repeat(64_000) })), form, 413],
    [`${new URLSearchParams(params)}&client_id=other`, form],
    [`${new URLSearchParams(params)}&x=%FF`, form],
    [`${new URLSearchParams(params)}&x=%00`, form],
    [JSON.stringify(params), { 'content-type': 'application/json' }],
    [String(new URLSearchParams(params)), { 'content-type': 'text/plain' }],
  ];
  for (const [body, headers, status = 400] of bodies) {
    const response = await new Browser(server.issuer).request('/auth', { method: 'POST', body, headers });
    assert.equal(response.status, status, body.slice(-40));
    assert.equal(response.headers.get('location'), null);
  }
  const long = await new Browser(server.issuer).request('/auth', {
    method: 'POST',
    body: String(new URLSearchParams({ ...params, state: 'a'.repeat(12_000) })),
    headers: form,
  });
  assert.match(await long.text(), /The form has 12\d+ characters\. At most 12000 are allowed\./);
});
