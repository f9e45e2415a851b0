import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeEvent, shownActions } from '../../src/account/activity-sentences.ts';
import { descriptions } from '../../src/database/documentation/index.ts';
import { uuidv7 } from '../../src/kit/ids.ts';
import type { Browser } from '../support/browser.ts';
import { signInWith } from '../support/builders/authorization.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { startServer, type TestServer } from '../support/server.ts';

const ACTIVITY = '/account/activity';
const OPERATOR = { accountId: null };

const sentencesOf = async (page: Response) =>
  [...(await page.text()).matchAll(/<h3><bdi>(.*?)<\/bdi>/g)].map(([, html = '']) =>
    html.replaceAll(/<[^>]*>/g, ''),
  );

const sentencesAt = async (browser: Browser, path: string) => sentencesOf(await browser.get(path));

/** Adds events to the audit log, one after another. */
async function addEvents({ database }: TestServer, account_id: string, names: string[]): Promise<void> {
  for (const name of names)
    await database.knex('T_auth_audit_log').insert({
      id: uuidv7(),
      created_at: new Date(),
      account_id,
      actor_id: account_id,
      action: 'passkey.added',
      success: true,
      details: JSON.stringify({ kind: 'passkey', name }),
    });
}

/** Recorded for operators and for applications: what is about no account, and refused requests of applications. */
const NOT_SHOWN =
  /^(client|client_credentials|grant|mail|registration_token|resource|scope|service|set_up_link|signing_key|trusted_issuer)\.|^(access_token\.revoked|account\.deleted|invitation\.(created|revoked)|recovery_code\.refused)$|^(authorization|connection_call|introspection|revocation|sign_out|registration|token_request|userinfo|\w*request)\.refused$/;

describe('the page of activity', () => {
  test('has a sentence for each event that concerns the owner of an account', () => {
    const documented = Object.keys(descriptions.T_auth_audit_log?.values?.action ?? {});
    const concerned = documented.filter((action) => !NOT_SHOWN.test(action));
    assert.deepEqual(shownActions().sort(), concerned.sort());
    const event = {
      id: '',
      at: '',
      clientId: null,
      clientName: null,
      ip: null,
      userAgent: null,
      errorCode: null,
    };
    for (const action of shownActions()) {
      const sentence = describeEvent({ ...event, action, actorId: 'a', details: {} }, 'a');
      assert.match(sentence, /^[A-Z][^.]+ /, action);
      assert.doesNotMatch(sentence, /undefined|null/, action);
    }
  });

  test('tells what happened, newest first, by whom and from where', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const ada = await server.createAccount();
    await signInWith(server, client, ada, { scope: 'openid' });
    await server.services.consents.withdraw(OPERATOR, { accountId: ada.id });
    await visit(server, { username: 'ada', password: 'wrong' }, ACTIVITY);
    const { page } = await visit(server, ada, ACTIVITY);
    const text = await textOf(page.clone());
    assert.deepEqual(await sentencesOf(page), [
      'You signed in with your password',
      'A sign-in with a wrong password was refused',
      'The access of Fieldnotes was taken back by the people who run this server',
      'You allowed Fieldnotes to use your account',
      'You signed in to Fieldnotes with your password',
      'Your account was created by the people who run this server',
    ]);
    assert.match(text, /You signed in with your password \d\d:\d\d , Unknown browser , 127\.0\.0\.1/);
    assert.match(text, /was taken back by the people who run this server \d\d:\d\d You allowed/);
  });

  test('filters by the address, and goes on page by page while events are added', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const { browser } = await visit(server, ada, ACTIVITY);
    const names = Array.from({ length: 70 }, (_, index) => `Key ${index}`);
    await addEvents(server, ada.id, names);
    const url = `${ACTIVITY}?show=security`;
    const first = await browser.get(url);
    const html = await first.clone().text();
    assert.match(html, /<option value="security" selected>/);
    const seen = await sentencesOf(first);
    const nextOf = (page: string) => /href="([^"]+)" rel="next"/.exec(page)?.[1]?.replaceAll('&amp;', '&');
    let next = nextOf(html);
    while (next !== undefined) {
      await addEvents(server, ada.id, ['added in between']);
      const page = await browser.get(next);
      assert.match(await textOf(page.clone()), /Latest activity/);
      next = nextOf(await page.clone().text());
      seen.push(...(await sentencesOf(page)));
    }
    const created = 'Your account was created by the people who run this server';
    const expected = [...names.map((name) => `The passkey “${name}” was added`), created];
    // Each once. Ids of the same millisecond have no order.
    assert.deepEqual(seen.toSorted(), expected.toSorted());
    assert.deepEqual(await sentencesAt(browser, `${ACTIVITY}?show=sign-ins`), [
      'You signed in with your password',
    ]);
    assert.match(
      await textOf(await browser.get(`${ACTIVITY}?show=applications`)),
      /No activity of this kind/,
    );
  });

  test('refuses a filter or a place that it does not know, and shows nothing of another account', async (t) => {
    const server = await startServer(t, 'sqlite');
    const [ada, eve] = [await server.createAccount(), await server.createAccount('eve')];
    await addEvents(server, ada.id, ['Private']);
    const { browser } = await visit(server, eve, ACTIVITY);
    for (const query of [
      'show=everything',
      'before=1',
      "before=' OR 1=1",
      'show=all&show=security',
      'before=%00',
    ])
      assert.equal((await browser.get(`${ACTIVITY}?${query}`)).status, 400, query);
    const forged = await browser.get(
      `${ACTIVITY}?before=ffffffff-ffff-7fff-bfff-ffffffffffff&account_id=${ada.id}`,
    );
    assert.doesNotMatch(await textOf(forged), /Private/);
  });

  test('shows hostile names as text', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    await addEvents(server, ada.id, ['"><script>xss</script>']);
    const { page } = await visit(server, ada, ACTIVITY);
    assert.doesNotMatch(await page.text(), /<script/);
  });
});
