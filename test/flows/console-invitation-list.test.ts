import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Browser, formOf } from '../support/browser.ts';
import { invite, OPERATOR } from '../support/builders/invitation.ts';
import { INVITATIONS as PATH, signedIn, textOf } from '../support/builders/signed-in.ts';
import { engines } from '../support/engines.ts';
import { startServer } from '../support/server.ts';

const idsOf = (html: string) =>
  [...html.matchAll(/href="\/admin\/invitations\/([0-9a-f-]{36})"/g)].map(([, id]) => id);

/** @returns the ids of the invitations on this page and on all that follow */
async function readPages(browser: Browser, first: string): Promise<(string | undefined)[]> {
  const seen: (string | undefined)[] = [];
  for (let url: string | undefined = first; url; ) {
    const html: string = await (await browser.get(url)).text();
    assert.ok(idsOf(html).length <= 25);
    seen.push(...idsOf(html));
    url = /href="([^"]+)" rel="next"/.exec(html)?.[1]?.replaceAll('&amp;', '&');
  }
  return seen;
}

for (const engine of engines) {
  describe(`the administrator's invitations on ${engine}`, { concurrency: true }, () => {
    test('are filtered by state, searched by label and address, and listed a page at a time', async (t) => {
      const server = await startServer(t, engine);
      const { knex } = server.database;
      const browser = await signedIn(server, 'ada');
      const gone = await server.createAccount('gone', 'openid latchkey:invitations');
      await server.invitations.create({ accountId: gone.id }, { scope: 'openid', label: 'of the disabled' });
      await server.accounts.disable(OPERATOR, 'gone');
      const expired = await invite(server, { label: 'too late' });
      await knex('T_invitations')
        .where({ id: expired.id })
        .update({ expires_at: new Date(Date.now() - 1000) });
      const used = await invite(server, { label: 'is in', expiresIn: 'never' });
      await knex('T_invitations').where({ id: used.id }).update({ uses: 1 });
      const revoked = await invite(server, { label: 'taken back' });
      await server.invitations.revoke(OPERATOR, revoked.id);
      await invite(server, { label: '100% Wool_', email: 'wool@harbour.example', expiresIn: 'never' });
      await server.invitations.createSetUpLink(OPERATOR).catch(() => undefined);
      const labels = async (query: Record<string, string>) => {
        const html = await (await browser.get(`${PATH}?${new URLSearchParams(query)}`)).text();
        return [...html.matchAll(/<bdi>([^<]*)<\/bdi><\/a>/g)].map(([, label]) => label);
      };
      const everything = ['100% Wool_', 'taken back', 'is in', 'too late', 'of the disabled'];
      assert.deepEqual(await labels({}), everything);
      assert.deepEqual(await labels({ state: 'all', search: '', after: '' }), everything);
      assert.deepEqual(await labels({ state: 'waiting' }), ['100% Wool_']);
      assert.deepEqual(await labels({ state: 'used' }), ['is in']);
      assert.deepEqual(await labels({ state: 'expired' }), ['too late']);
      assert.deepEqual(await labels({ state: 'revoked' }), ['taken back', 'of the disabled']);
      for (const search of ['WOOL', '0% w', 'wool_', 'Wool@Harbour'])
        assert.deepEqual(await labels({ search }), ['100% Wool_'], search);
      for (const search of ['_ool', '%', '!', "'", 'nobody'])
        assert.deepEqual(await labels({ search }), search === '%' ? ['100% Wool_'] : [], search);

      for (let one = 0; one < 30; one += 1) await invite(server, { label: 'many' });
      const seen = await readPages(browser, `${PATH}?search=many`);
      assert.equal(new Set(seen).size, 30);
      assert.equal(seen.length, 30);
      for (const query of [
        'limit=1000000000',
        'limit=1001',
        'limit=-1',
        'limit=0',
        'limit=x',
        'after=x',
        "after=' OR 1=1 --",
        'after=01930000-0000-7000-8000',
        'state=none',
        'state=__proto__',
        'state=all&state=used',
        'batch=x',
        `search=${'x'.repeat(256)}`,
      ])
        assert.equal((await browser.get(`${PATH}?${encodeURI(query)}`)).status, 400, query);
      for (const id of ['x', '01930000-0000-7000-8000-000000000001', '%00', "'", '..%2f..'])
        assert.ok([400, 404].includes((await browser.get(`${PATH}/${id}`)).status), id);
    });

    test('that were created together are one row, and are revoked together', async (t) => {
      const server = await startServer(t, engine);
      const browser = await signedIn(server, 'ada');
      await invite(server, { label: 'alone' });
      const made = await server.invitations.create(OPERATOR, { scope: 'openid', label: 'crew' }, 60);
      const [first] = made;
      await server.database.knex('T_invitations').where({ id: first?.id }).update({ uses: 1 });
      const words = await textOf(await browser.get(PATH));
      assert.match(words, /crew 60 codes 1 of 60 used\./);
      assert.match(words, /alone Waiting 0 of 1 used\./);
      assert.match(await textOf(await browser.get(`${PATH}?state=waiting`)), /crew 59 codes/);
      const batch = `${PATH}?batch=${first?.id}`;
      assert.deepEqual(
        (await readPages(browser, batch)).toSorted(),
        made.map(({ id }) => id),
      );
      const { action, fields } = await formOf(await browser.get(batch));
      const done = await browser.follow(await browser.post(action, fields));
      assert.match(await textOf(done), /These invitations were revoked\./);
      assert.deepEqual(
        (await server.invitations.list(OPERATOR)).invitations.map(({ state }) => state),
        [...made.map(() => 'revoked'), 'waiting'],
      );
      const log = await server.database.knex('T_auth_audit_log').where({ action: 'invitation.revoked' });
      assert.equal(log.length, 60);
    });
  });
}
