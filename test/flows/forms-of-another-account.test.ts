import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createPages } from '../../src/app/pages.ts';
import { findRoute, ROUTES } from '../../src/web/routes.ts';
import type { Browser } from '../support/browser.ts';
import { askForSignIn, createTill } from '../support/builders/ciba.ts';
import { invite } from '../support/builders/invitation.ts';
import { addMotion, createPerson } from '../support/builders/person.ts';
import { tableNames } from '../support/rows.ts';
import { startServer, type TestServer } from '../support/server.ts';

const isOurs = (path: string) => /^\/(account|admin)(\/|$)/.test(path);

/** Paths with a form that no page of a signed-in account shows, and why. */
const SHOWN_NOWHERE: Record<string, string> = {
  '/account/recover': 'it is opened by a link in a mail',
};

interface SentForm {
  action: string;
  fields: Record<string, string>;
}

/** What a browser would send for each button of each form on a page. */
function formsOf(html: string): SentForm[] {
  return [...html.matchAll(/<form[^>]* method="post" action="([^"]+)"[^>]*>(.*?)<\/form>/gs)].flatMap(
    ([, action = '', inner = '']) => {
      const fields = Object.fromEntries(
        [...inner.matchAll(/<input[^>]* name="(\w+)"[^>]* value="([^"]*)"/g)].map(([, name, value]) => [
          String(name),
          String(value),
        ]),
      );
      const buttons = [...inner.matchAll(/<button[^>]* name="(\w+)" value="([^"]*)"/g)];
      const pressed = buttons.map(([, name, value]) => ({ [String(name)]: String(value) }));
      return (pressed.length > 0 ? pressed : [{}]).map((one) => ({ action, fields: { ...fields, ...one } }));
    },
  );
}

/** The forms on every page of ours that the browser can open, and on the pages to which these link. */
async function collectForms(browser: Browser): Promise<SentForm[]> {
  const waiting = ROUTES.map(({ path }) => path).filter((path) => isOurs(path) && !path.includes(':'));
  const seen = new Set(waiting);
  const found: SentForm[] = [];
  for (const path of waiting) {
    const page = await browser.get(path);
    const html = await page.text();
    if (page.status !== 200 || !page.headers.get('content-type')?.startsWith('text/html')) continue;
    found.push(...formsOf(html));
    for (const [, link = ''] of html.matchAll(/href="([^"#]+)/g)) {
      const { pathname, search } = new URL(link.replaceAll('&amp;', '&'), browser.issuer);
      // Of the links that differ in their query alone, one stands for all.
      const key = search === '' ? pathname : `${pathname}?`;
      if (!isOurs(pathname) || !findRoute(pathname) || seen.has(key)) continue;
      seen.add(key);
      waiting.push(pathname + search);
    }
  }
  return found;
}

/** No state of an account: a refused form adds to both. */
const COUNTED = ['T_auth_audit_log', 'T_rate_limits'];

/** Every row but those of that account. */
async function rowsOfOthers({ database }: TestServer, accountId: string) {
  const rows: Record<string, unknown[]> = {};
  for (const table of await tableNames(database)) {
    if (COUNTED.includes(table)) continue;
    const all: Record<string, unknown>[] = await database.knex(table);
    const ownerOf = (row: Record<string, unknown>) => (table === 'T_accounts' ? row.id : row.account_id);
    rows[table] = all.filter((row) => ownerOf(row) !== accountId);
  }
  return rows;
}

describe('the forms of another account', () => {
  test('change nothing of it, each with its own token and with one of the account that sends it', async (t) => {
    const server = await startServer(t, 'sqlite');
    await addMotion(server);
    const till = await createTill(server);
    const victim = await createPerson(server, 'mei', 'openid profile latchkey:*');
    const eve = await createPerson(server, 'eve', 'openid profile');
    await invite(server, { maxUses: 3 });
    for (const login_hint of ['mei', 'eve']) await askForSignIn(server, till, { login_hint });

    const forms = await collectForms(victim.browser);
    const own = new Map((await collectForms(eve.browser)).map((form) => [form.action, form.fields.csrf]));
    const { stack } = createPages({ ...server, showPage: () => {} });
    const taking = stack.filter(({ methods, path }) => methods.includes('POST') && isOurs(String(path)));
    const shown = new Set(forms.map(({ action }) => findRoute(action)?.path));
    for (const path of new Set(taking.map((layer) => String(layer.path))))
      assert.ok(shown.has(path) || path in SHOWN_NOWHERE, `${path}: no page with its form was found`);

    await server.settled();
    const before = await rowsOfOthers(server, eve.id);
    for (const { action, fields } of forms) {
      const foreign = await eve.browser.post(action, fields);
      assert.equal(foreign.status, 403, `${action} with the token of the other account`);
      const csrf = own.get(action);
      if (csrf === undefined) continue;
      await (await eve.browser.post(action, { ...fields, csrf })).text();
      await server.settled();
      const what = `${action} ${JSON.stringify({ ...fields, csrf: '' })}`;
      assert.deepEqual(await rowsOfOthers(server, eve.id), before, what);
    }
    await server.settled();
    assert.deepEqual(await rowsOfOthers(server, eve.id), before);
    assert.equal((await eve.browser.get('/account/sessions')).status, 200, 'she is still signed in');
  });
});
