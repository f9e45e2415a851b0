import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { answerOf, authorization, authorizeUrl, redeem } from '../support/builders/authorization.ts';
import { addMotion, allow, startGoogleFor } from '../support/builders/connections.ts';
import { arrive, decide } from '../support/builders/consent.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { shareServer } from '../support/shared-server.ts';

const codeOf = (answer: Response) => String(answerOf(answer).get('code'));
const SCOPE = 'openid connections:google.read connections:motion.read';

describe('an application that asks for connected accounts', () => {
  const shared = shareServer({ config: { allowPrivateServices: true } });

  test('leads its user through connecting, or goes on without', async (t) => {
    const { server } = shared;
    const google = await startGoogleFor(t, server);
    const motion = await addMotion(t, server);
    const client = await server.createClient({ scope: SCOPE });
    const ada = await server.createAccount('ada', SCOPE);
    const browser = new Browser(server.issuer);
    const request = authorization(client, { scope: SCOPE });
    const step = await decide(browser, await arrive(browser, request, ada), 'allow');
    assert.match(
      await textOf(step.clone()),
      /Connect your Google account Fieldnotes wants to use your account at Google/,
    );

    await t.test('at Google, and back to the request', async () => {
      const { action, fields } = await formOf(step.clone());
      const left = await browser.post(action, { ...fields, decision: 'connect' });
      assert.ok(left.headers.get('location')?.startsWith(google.url));
      const back = await allow(new URL(String(left.headers.get('location'))));
      const next = await browser.follow(await browser.get(back));
      assert.match(await textOf(next.clone()), /Connect your Motion account/);
      const form = await formOf(next);
      const wrong = await browser.post(form.action, { ...form.fields, decision: 'connect', api_key: 'no' });
      assert.match(await textOf(wrong), /There is a problem Motion does not accept this key/);
      const done = await browser.follow(
        await browser.post(form.action, { ...form.fields, decision: 'connect', api_key: motion.apiKey }),
      );
      const tokens = await redeem(server, client, request, codeOf(done));
      assert.equal(tokens.body.scope, SCOPE);
    });

    await t.test('without it the scope is not granted, and it is asked for again the next time', async () => {
      await server.database
        .knex('T_user_providers')
        .where({ provider: 'motion' })
        .update({ sync_status: 'error' });
      const again = authorization(client, { scope: SCOPE });
      const page = await browser.follow(await browser.get(authorizeUrl(again)));
      assert.match(await textOf(page.clone()), /Reconnect your Motion account/);
      const { action, fields } = await formOf(page);
      const done = await browser.follow(await browser.post(action, { ...fields, decision: 'skip' }));
      const tokens = await redeem(server, client, again, codeOf(done));
      assert.equal(tokens.body.scope, 'openid connections:google.read');
      const third = await browser.follow(
        await browser.get(authorizeUrl(authorization(client, { scope: SCOPE }))),
      );
      assert.match(await textOf(third), /Reconnect your Motion account/);
    });

    await t.test('nobody is asked without a user, and the application goes on', async () => {
      const silent = authorization(client, { scope: SCOPE, prompt: 'none' });
      const done = await browser.follow(await browser.get(authorizeUrl(silent)));
      assert.equal((await redeem(server, client, silent, codeOf(done))).status, 200);
    });

    await t.test('the person takes it back, and is asked again', async () => {
      const path = '/account/connections/google';
      const html = await (await browser.get(path)).text();
      assert.match(html.replace(/<[^>]+>/g, ''), /See your data at Google/);
      const [, csrf = ''] =
        /google\/withdraw">\s*<input type="hidden" name="csrf" value="([^"]+)"/.exec(html) ?? [];
      const eve = await visit(server, await server.createAccount('eve', SCOPE), path);
      const theirs = await formOf(eve.page);
      const foreign = await eve.browser.post(`${path}/withdraw`, {
        ...theirs.fields,
        client: client.client_id,
      });
      assert.notEqual(foreign.status, 200, 'the form of another path');
      const done = await browser.follow(
        await browser.post(`${path}/withdraw`, { csrf, client: client.client_id }),
      );
      assert.match(await textOf(done), /can no longer use your account there.*No application may use it/);
      const after = await server.database.knex('T_consents').first();
      assert.equal(after.scope, 'openid connections:motion.read');
      const again = await browser.follow(
        await browser.get(authorizeUrl(authorization(client, { scope: SCOPE }))),
      );
      assert.match(await textOf(again), /Allow Fieldnotes/);
    });
  });
});

describe('the return from a service', () => {
  const shared = shareServer({ config: { allowPrivateServices: true } });

  test('counts once, in the browser, for the account and the service that began it', async (t) => {
    const { server } = shared;
    await startGoogleFor(t, server);
    const other = await startGoogleFor(t, server, 'other');
    const ada = await server.createAccount('ada');
    const { browser } = await visit(server, ada, '/account/connections');
    const begin = async (by: Browser, service = 'google') => {
      const { action, fields } = await formOf(await by.get(`/account/connections/${service}`));
      return allow(new URL(String((await by.post(action, fields)).headers.get('location'))));
    };
    const count = async () => (await server.database.knex('T_user_providers')).length;
    const refused = async (by: Browser, url: string, says: RegExp) => {
      const page = await by.get(url);
      assert.ok(page.status >= 400 && page.status < 500, `${page.status} for ${url.slice(0, 100)}`);
      assert.match(await textOf(page), says);
      assert.equal(await count(), 0);
    };

    // An attacker's browser began it, and the victim's ends it.
    const eve = await visit(server, await server.createAccount('eve'), '/account/connections');
    await refused(browser, await begin(eve.browser), /begun in another browser/);
    await begin(browser);
    await refused(browser, await begin(eve.browser), /begun in another browser/);
    // Somebody else has signed in since, in the same browser.
    const first = await begin(browser);
    const noor = await server.createAccount('noor');
    /** The same browser without a session. */
    const withoutSession = () => {
      const copy = new Browser(server.issuer);
      for (const [name, cookie] of browser.cookies)
        if (name.includes('browser')) copy.cookies.set(name, cookie);
      return copy;
    };
    const second = withoutSession();
    await visit(server, noor, '/account/connections', second);
    await refused(second, first, /Another account is signed in now/);
    // The session has ended.
    const ended = await begin(browser);
    await refused(withoutSession(), ended, /You were signed out while you were at Google/);
    // Another service.
    const mixed = await begin(browser, 'other');
    await refused(browser, mixed.replace('/other/', '/google/'), /completed already, or it took too long/);
    const url = await begin(browser);
    const query = url.slice(url.indexOf('?'));
    for (const wrong of [
      '',
      '?state=x&code=y',
      `${query}&state=x`,
      `?code=x&state[]=${new URLSearchParams(query).get('state')}`,
      `${query}&pad=${'x'.repeat(9000)}`,
    ])
      await refused(browser, `/connections/google/callback${wrong}`, /Nothing was connected/);
    await server.database.knex('T_upstream_states').update({ expires_at: new Date(0) });
    await refused(browser, url, /took too long/);

    // Two tabs: each ends its own visit, and none twice.
    const tabs = [await begin(browser), await begin(browser)] as const;
    for (const tab of tabs) assert.equal((await browser.get(tab)).status, 303);
    for (const tab of tabs) assert.match(await textOf(await browser.get(tab)), /completed already/);
    assert.equal(await count(), 1);
    assert.equal(other.counts.codes, 0);
  });

  test('is used up by the first of twenty simultaneous returns, and by a doubled code', async (t) => {
    const { server } = shared;
    await startGoogleFor(t, server, 'third');
    const { browser } = await visit(server, await server.createAccount('lin'), '/account/connections');
    const { action, fields } = await formOf(await browser.get('/account/connections/third'));
    const begin = async () =>
      allow(new URL(String((await browser.post(action, fields)).headers.get('location'))));
    const url = await begin();
    const doubled = await browser.get(`${url}&code=another`);
    assert.match(await textOf(doubled), /Nothing was connected/);
    assert.match(await textOf(await browser.get(url)), /completed already/);
    const next = await begin();
    const answers = await Promise.all(Array.from({ length: 20 }, () => browser.get(next)));
    assert.deepEqual(
      answers.map(({ status }) => status).filter((status) => status !== 400),
      [303],
    );
  });

  test('connects nothing for an account that was disabled in between', async (t) => {
    const { server } = shared;
    await startGoogleFor(t, server, 'fourth');
    const olu = await server.createAccount('olu');
    const { browser } = await visit(server, olu, '/account/connections');
    const { action, fields } = await formOf(await browser.get('/account/connections/fourth'));
    const url = await allow(new URL(String((await browser.post(action, fields)).headers.get('location'))));
    await server.accounts.disable({ accountId: null }, 'olu');
    const page = await browser.get(url);
    assert.equal(page.status, 401);
    assert.equal((await server.database.knex('T_user_providers').where({ account_id: olu.id })).length, 0);
  });
});
