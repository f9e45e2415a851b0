import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { seedConformance } from '../../seeds/conformance.ts';
import { leaveFirstSignIn } from '../../seeds/suite-browser.ts';
import { Browser } from '../support/browser.ts';
import { CALLBACK } from '../support/builders/conformance.ts';
import { runScripts } from '../support/builders/suite-browser.ts';
import { startServer } from '../support/server.ts';

async function open(t: TestContext) {
  const server = await startServer(t, 'sqlite');
  const { issuer } = server;
  const { configuration, fapiConfiguration } = await seedConformance(server);
  const request = (params: Record<string, string> = {}) =>
    `${issuer}/auth?${new URLSearchParams({
      client_id: 'conformance',
      response_type: 'code',
      scope: 'openid',
      redirect_uri: CALLBACK,
      ...params,
    })}`;
  const { browser, override } = configuration;
  const scriptsOf = (module: string) => {
    const scripts = (override[module] ?? fapiConfiguration.override[module])?.browser;
    assert.ok(scripts, module);
    return scripts;
  };
  return { issuer, agent: new Browser(issuer), request, browser, scriptsOf };
}

describe("what the conformance suite's browser does on our pages", () => {
  test('it signs in, and allows another application without signing in again', async (t) => {
    const { agent, request, browser } = await open(t);
    assert.match((await runScripts(agent, browser, request())).url, /callback\?code=/);
    assert.match((await runScripts(agent, browser, request())).url, /callback\?code=/);
    const other = request({ client_id: 'conformance-2', prompt: 'consent' });
    assert.match((await runScripts(agent, browser, other)).url, /callback\?code=/);
  });

  test('it shows an error page, the second sign-in and what an application says of itself', async (t) => {
    const { agent, request, browser, scriptsOf } = await open(t);
    const asked = { isAsked: true };
    const elsewhere = request({ redirect_uri: `${CALLBACK}/other` });
    assert.deepEqual((await runScripts(agent, browser, elsewhere, asked)).shown, [
      'This application sent you here with an address that is not registered',
    ]);
    await runScripts(agent, browser, request());
    for (const module of ['oidcc-prompt-login', 'oidcc-max-age-1']) {
      const again = await runScripts(agent, scriptsOf(module), request({ prompt: 'login' }), asked);
      assert.match(String(again.shown), /^Sign in to /);
      assert.match(again.url, /callback\?code=/);
    }
    const consent = request({ prompt: 'consent' });
    const about = await runScripts(agent, scriptsOf('oidcc-registration-tos-uri'), consent, asked);
    assert.match(String(about.shown), /^Allow /);
    assert.match(about.url, /\/interaction\//, 'the module ends here');
  });

  test('it denies as somebody who has allowed nothing, and leaves the first sign-in of two', async (t) => {
    const { issuer, agent, request, scriptsOf } = await open(t);
    const denying = scriptsOf('fapi2-security-profile-final-user-rejects-authentication');
    const denied = await runScripts(agent, denying, request({ prompt: 'consent' }));
    assert.match(denied.url, /callback\?error=access_denied/);
    const left = await runScripts(new Browser(issuer), [leaveFirstSignIn(issuer)], request());
    assert.match(left.url, /\/interaction\//);
  });

  test('it signs out, and shows the question or that it is signed out', async (t) => {
    const { issuer, agent, request, browser, scriptsOf } = await open(t);
    const end = `${issuer}/session/end`;
    for (const [scripts, heading] of [
      [browser, 'You are signed out'],
      [scriptsOf('oidcc-rp-initiated-logout-no-id-token-hint'), 'Sign out?'],
    ] as const) {
      await runScripts(agent, browser, request());
      assert.equal((await runScripts(agent, scripts, end, { isAsked: true })).shown[0], heading);
    }
  });
});
