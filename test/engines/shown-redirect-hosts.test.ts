import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { answerOf, authorization, authorizeUrl } from '../support/builders/authorization.ts';
import { arrive, arriveInNewBrowser, decide, OFFLINE } from '../support/builders/consent.ts';
import { DESCRIPTION, manage, register } from '../support/builders/registration.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

const KNOWN = 'https://calendar.example/cb';
const OTHER = 'https://other.example/cb';
const LOOPBACK = 'http://127.0.0.1/cb';
const PRIVATE = 'com.example.calendar://calendar.example/cb';

for (const engine of engines)
  describe(`consent to an application that nobody has checked, on ${engine}`, () => {
    test('counts for the host that was shown, in the same session', async (t) => {
      const server = await startServer(t, engine);
      const ada = await server.createAccount();
      for (const [shown, asked] of [
        [KNOWN, OTHER],
        [LOOPBACK, OTHER],
        [KNOWN, LOOPBACK],
        [PRIVATE, KNOWN],
        [KNOWN, PRIVATE],
      ] as const)
        for (const method of ['none', 'client_secret_basic']) {
          const redirect_uris = [shown, asked];
          const description = { ...DESCRIPTION, redirect_uris, token_endpoint_auth_method: method };
          const { body: client } = await register(server, description);
          const at = (redirect_uri: string) => ({ ...OFFLINE, redirect_uri });
          const { browser, page } = await arriveInNewBrowser(server, client, ada, at(shown));
          assert.ok(answerOf(await decide(browser, page, 'allow')).get('code'));
          const silent = async (redirect_uri: string) =>
            answerOf(
              await browser.get(authorizeUrl(authorization(client, { ...at(redirect_uri), prompt: 'none' }))),
            );
          const label = `${shown} ${asked} ${method}`;
          if (shown === KNOWN) assert.ok((await silent(shown)).get('code'), label);
          assert.equal((await silent(asked)).get('code'), null, label);
          const again = await arrive(browser, authorization(client, at(asked)), ada);
          assert.match(await again.clone().text(), /be able to/, label);
          assert.ok(answerOf(await decide(browser, again, 'allow')).get('code'), label);
        }
    });

    test('does not count for a host that replaced it, nor in another session', async (t) => {
      const server = await startServer(t, engine);
      const ada = await server.createAccount();
      const { body: client } = await register(server, { ...DESCRIPTION, redirect_uris: [KNOWN] });
      const { browser, page } = await arriveInNewBrowser(server, client, ada, OFFLINE);
      await decide(browser, page, 'allow');
      assert.match(await (await arriveInNewBrowser(server, client, ada, OFFLINE)).page.text(), /be able to/);
      const { registration_client_uri: uri, registration_access_token: token, client_id } = client;
      const changed = { ...DESCRIPTION, client_id, redirect_uris: [OTHER] };
      const { status, body } = await manage('PUT', uri, token, changed);
      assert.equal(status, 200);
      await new Promise((resolve) => setTimeout(resolve, 1100));
      const request = authorization({ ...client, ...body }, { ...OFFLINE, redirect_uri: OTHER });
      assert.match(await (await arrive(browser, request, ada)).text(), /be able to/);
    });
  });
