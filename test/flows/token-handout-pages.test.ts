import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Browser } from '../support/browser.ts';
import { authorization, refresh, signInWith } from '../support/builders/authorization.ts';
import { arrive, listedOn } from '../support/builders/consent.ts';
import { askForToken, beginHandOut } from '../support/builders/hand-outs.ts';
import { startWithGoogle, usesOf } from '../support/builders/proxied-calls.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { EXCHANGE } from '../support/builders/token-exchange.ts';
import { latchkey } from '../support/warm-command.ts';

const KEY = /Hold a key to the account that you connect at Google/;

describe('an application that is given tokens', () => {
  let started: Awaited<ReturnType<typeof startWithGoogle>>;
  const ends: (() => unknown)[] = [];
  before(async () => {
    const context = { after: (end: unknown) => void ends.push(end as () => unknown) };
    started = await startWithGoogle(context, 'sqlite');
  });
  after(async () => {
    for (const end of ends) await end();
  });

  test('asks for them apart from calls through the proxy, which the person has allowed before', async () => {
    const { server } = started;
    const { person, client } = await beginHandOut(started, {
      scope: 'openid connections:google.write',
      client: { scope: 'openid connections:google.write' },
    });
    const browser = new Browser(server.issuer);
    const request = authorization(client, {
      scope: 'openid connections:google.write connections:google.token',
    });
    const { asked, before: allowed } = await listedOn(await arrive(browser, request, person));
    assert.equal(asked.length, 1);
    assert.match(String(asked[0]), KEY);
    assert.ok(allowed.some((text) => /^See, add, change and delete your data at Google/.test(text)));
  });

  test('is seen by the person at the connection and in their activity, and by an administrator', async () => {
    const { server } = started;
    const { ask, person, client } = await beginHandOut(started);
    assert.equal((await ask()).status, 200);
    await usesOf(server, person);
    const { browser, page } = await visit(server, person, '/account/connections/google');
    const shown = await textOf(page);
    assert.match(shown, KEY);
    assert.match(shown, /To end that at once, disconnect the account/);
    assert.match(shown, /Fieldnotes was given a token, which is a key to your account/);
    const activity = await textOf(await browser.get('/account/activity'));
    assert.match(activity, /Fieldnotes was given a token for your account at google/);
    const root = await server.createAccount('root', 'openid latchkey:clients.read');
    const administrator = await visit(server, root, '/admin/applications');
    const details = `/admin/applications/details?client_id=${client.client_id}`;
    assert.match(await textOf(await administrator.browser.get(details)), /Is given tokens of google/);
  });

  test('goes on with the access token of a refresh', async () => {
    const { server } = started;
    const grantTypes = ['authorization_code', 'refresh_token', EXCHANGE] as const;
    const { person, client } = await beginHandOut(started, {
      client: { scope: 'openid offline_access', grantTypes: [...grantTypes] },
    });
    const scope = 'openid offline_access connections:google.token';
    const { tokens } = await signInWith(server, client, person, { scope });
    const { body } = await refresh(server, client, tokens.body.refresh_token);
    assert.equal((await askForToken(server, client, body.access_token)).status, 200);
  });

  test('is set by the command, and named by latchkey doctor', async () => {
    const { storage } = started.server;
    const run = async (...args: string[]) => {
      const { stdout, stderr } = await latchkey([...args, '--json'], { url: storage.url });
      return stdout === '' ? stderr : JSON.parse(stdout);
    };
    const client = await started.server.createClient({ name: 'Tool' });
    const update = (...args: string[]) => run('client', 'update', client.client_id, ...args);
    assert.match(await update('--hand-out', 'google'), /--hand-out needs --grant-type/);
    const grants = ['--grant-type', 'authorization_code', '--grant-type', EXCHANGE];
    assert.match(await update(...grants, '--hand-out', 'No Name'), /such as google/);
    assert.deepEqual((await update(...grants, '--hand-out', 'google')).hand_out_services, ['google']);
    const finding = async () =>
      ((await run('doctor')) as { check: string; ok: boolean; says: string }[]).find(
        ({ check }) => check === 'hand-outs',
      );
    const good = await finding();
    assert.equal(good?.ok, true);
    assert.match(String(good?.says), new RegExp(`Tool \\(${client.client_id}\\) is given tokens of google`));
    await update('--hand-out', 'google', '--hand-out', 'gogle');
    const wrong = await finding();
    assert.equal(wrong?.ok, false);
    assert.match(String(wrong?.says), /tokens of gogle, which is not a service here/);
    assert.deepEqual((await update('--no-hand-out')).hand_out_services, []);
  });
});
