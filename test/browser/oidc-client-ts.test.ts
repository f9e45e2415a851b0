import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { startServer } from '../support/server.ts';

const skip = executablePath ? false : 'Chromium was not found';
const library = readFileSync(
  new URL('../browser/oidc-client-ts.min.js', import.meta.resolve('oidc-client-ts')),
);

/** Serves a single-page application on its own origin: every page only loads the library. */
async function serve(): Promise<{ origin: string; close(): void }> {
  const server = createServer((request, response) => {
    const script = request.url === '/library.js';
    response.setHeader('Content-Type', script ? 'text/javascript' : 'text/html');
    response.end(script ? library : '<!doctype html><title>SPA</title><script src="/library.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { origin: `http://localhost:${port}`, close: () => void server.close() };
}

describe('oidc-client-ts in Chromium', { skip }, () => {
  test('signs in, reads userinfo, refreshes and signs out unchanged', async (t) => {
    const server = await startServer(t, 'sqlite');
    const person = await server.createAccount();
    const spa = await serve();
    t.after(spa.close);
    const client = await server.createClient({
      public: true,
      redirectUris: [`${spa.origin}/callback`],
      postLogoutRedirectUris: [`${spa.origin}/`],
    });
    const { context, complaints } = await watch(await launch(t));
    const page = await context.newPage();
    const settings = JSON.stringify({
      authority: server.issuer,
      client_id: client.client_id,
      redirect_uri: `${spa.origin}/callback`,
      post_logout_redirect_uri: `${spa.origin}/`,
      scope: 'openid profile email',
      loadUserInfo: true,
    });
    const run = (call: string) =>
      page.evaluate(`(async () => {
      const manager = new oidc.UserManager({ ...${settings}, userStore: new oidc.WebStorageStateStore({ store: localStorage }) });
      return ${call};
    })()`);

    await page.goto(spa.origin);
    await run('manager.signinRedirect()').catch(() => undefined);
    await page.getByLabel('Username').fill('ada');
    await page.getByLabel('Password').fill(person.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    await page.waitForURL(`${spa.origin}/callback?**`);
    const profile = (await run('manager.signinCallback().then((user) => user.profile)')) as Record<
      string,
      string
    >;
    assert.equal(profile.email, 'ada@harbour.example');
    const fresh = (await run('manager.signinSilent().then((user) => user.profile.sub)')) as string;
    assert.equal(fresh, person.id);
    await run('manager.signoutRedirect()').catch(() => undefined);
    await page.waitForURL(`${spa.origin}/`);
    assert.deepEqual(
      complaints.filter((text) => !/favicon/.test(text)),
      [],
    );
  });

  test('of another origin is refused at the token endpoint', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient({
      public: true,
      redirectUris: ['https://spa.example/callback'],
    });
    const body = new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: client.client_id,
      code: 'x',
    });
    for (const [origin, allowed] of [
      ['https://evil.example', null],
      ['https://spa.example', 'https://spa.example'],
    ] as const) {
      const response = await fetch(`${server.issuer}/token`, { method: 'POST', body, headers: { origin } });
      assert.equal(response.headers.get('access-control-allow-origin'), allowed);
    }
  });
});
