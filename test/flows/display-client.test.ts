import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { answerOf, authorization, redeem, walk } from '../support/builders/authorization.ts';
import { startServer } from '../support/server.ts';

describe('a display client', () => {
  test('has its code shown on our page, and it can be redeemed once', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({ redirectUris: [], displayCode: true, public: true });
    const person = await server.createAccount();
    const browser = new Browser(server.issuer);
    const request = authorization(client);
    assert.equal(request.params.redirect_uri, `${server.issuer}/code`);
    const shown = await walk(browser, request, person);
    assert.equal(shown.status, 200);
    assert.equal(shown.headers.get('cache-control'), 'no-store');
    const code = /class="code[^"]*">([\w-]{52})</.exec(await shown.text())?.[1];
    assert.ok(code);
    assert.equal((await redeem(server, client, request, code)).status, 200);
    assert.equal((await redeem(server, client, request, code)).status, 400);
  });

  test('shows no code when the person denies, and nothing from the query', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({ redirectUris: [], displayCode: true });
    const page = await (
      await walk(new Browser(server.issuer), authorization(client), await server.createAccount(), 'deny')
    ).text();
    assert.match(page, /<h1>You denied access/);
    assert.doesNotMatch(page, /There is a problem/);
    const forged = await fetch(`${server.issuer}/code?code=<script>alert(1)</script>&error=<b>`);
    assert.doesNotMatch(await forged.text(), /<script|<b>/);
  });

  test('is the only one whose code is shown there', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const request = authorization(client, { redirect_uri: `${server.issuer}/code` });
    const response = await new Browser(server.issuer).get(`/auth?${new URLSearchParams(request.params)}`);
    assert.equal(response.status, 400);
    assert.throws(() => answerOf(response));
  });
});
