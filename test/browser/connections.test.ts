import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { authorization, authorizeUrl, redeem } from '../support/builders/authorization.ts';
import { addMotion, startGoogleFor } from '../support/builders/connections.ts';
import { callerOf, problemOf, usesOf } from '../support/builders/proxied-calls.ts';
import { executablePath, launch, watch } from '../support/chromium.ts';
import { startServer } from '../support/server.ts';

const skip = executablePath ? false : 'Chromium was not found';
const SCOPE = 'openid connections:google.read';
const CALENDARS = 'calendar/v3/users/me/calendarList';

describe('a person with accounts at other services, without JavaScript', { skip }, () => {
  test('connects them, lets an application read, sees that it did, and takes it back', async (t) => {
    const server = await startServer(t, 'sqlite', { config: { allowPrivateServices: true } });
    const google = await startGoogleFor(t, server);
    const motion = await addMotion(t, server);
    google.knobs.showsConsent = true;
    const ada = await server.createAccount('ada', SCOPE);
    const redirectUris = [`${server.issuer}/healthz`];
    const client = await server.createClient({ scope: SCOPE, redirectUris });
    const viewport = { width: 320, height: 640 };
    const { context, complaints } = await watch(await launch(t), { viewport, javaScriptEnabled: false });
    const page = await context.newPage();
    const press = (name: string | RegExp) => page.getByRole('button', { name }).click();
    const status = () => page.getByRole('status').innerText();

    await page.goto(`${server.issuer}/account/connections`);
    await page.getByLabel('Username').fill(ada.username);
    await page.getByLabel('Password').fill(ada.password);
    await press(/^Sign in$/);
    await press('Connect Google');
    await page.getByText('Choose what it can access').waitFor();
    await page.getByLabel(/gmail/).uncheck();
    await press('Continue');
    await page.waitForURL(/\/account\/connections\/google/);
    assert.match(await status(), /The account was connected/);
    assert.match(await page.locator('main').innerText(), /Not allowed there: Gmail, reading\./);

    await page.goto(`${server.issuer}/account/connections`);
    await page.getByRole('link', { name: 'Connect Motion' }).click();
    await page.getByLabel('API key of Motion').fill('wrong');
    await page.getByLabel('API key of Motion').press('Enter');
    assert.match(await page.getByRole('alert').innerText(), /Motion does not accept this key/);
    await page.getByLabel('API key of Motion').fill(motion.apiKey);
    await press('Connect Motion');
    assert.match(await status(), /The account was connected/);

    const request = authorization(client, { scope: SCOPE });
    await page.goto(`${server.issuer}${authorizeUrl(request)}`);
    await press('Allow');
    await page.waitForURL(/healthz\?code=/);
    const code = new URL(page.url()).searchParams.get('code');
    const tokens = await redeem(server, client, request, code);
    const call = callerOf(server, String(tokens.body.access_token));
    const calendars = (await (await call(CALENDARS)).json()) as { items: { summary: string }[] };
    assert.deepEqual(
      calendars.items.map(({ summary }) => summary),
      ['Ada', 'Tides'],
    );
    await usesOf(server, ada);

    await page.goto(`${server.issuer}/account/connections/google`);
    assert.match(
      await page.locator('main').innerText(),
      /Fieldnotes read \/?calendar\/v3\/users\/me\/calendarList/,
    );
    await press(/^Take back access of Fieldnotes/);
    assert.match(await status(), /That application can no longer use your account there/);
    await problemOf(await call(CALENDARS), 403, 'not_connected');

    await press(/^Disconnect/);
    assert.match(await status(), /was destroyed/);
    assert.equal((await server.database.knex('T_user_providers').where({ provider: 'google' })).length, 0);
    assert.equal(google.counts.revocations, 1);
    assert.deepEqual(
      complaints.filter((text) => !/status of 40[03]/.test(text)),
      [],
    );
  });
});
