import { describe, test } from 'node:test';
import { Browser, formOf } from '../support/browser.ts';
import { invite, open, signUp } from '../support/newcomer.ts';
import { alike, cheapHashes, pairs } from '../support/pairs.ts';
import { authorization, authorizeUrl } from '../support/relying-party.ts';
import { startServer } from '../support/server.ts';

cheapHashes();

async function timed(work: () => Promise<Response>): Promise<[number, Response]> {
  const started = performance.now();
  const response = await work();
  return [performance.now() - started, response];
}

describe('an account that exists and one that does not', () => {
  test('are refused alike in time at sign-in', async (t) => {
    const server = await startServer(t, 'sqlite');
    const client = await server.createClient();
    const known = 20;
    for (let index = 0; index < known; index += 1) await server.createAccount(`known${index}`);
    const browser = new Browser(server.issuer);
    let form = await formOf(await browser.follow(await browser.get(authorizeUrl(authorization(client)))));
    const attempt = async (username: string) => {
      const [took, page] = await timed(() =>
        browser.post(form.action, { ...form.fields, username, password: 'wrong' }),
      );
      form = await formOf(page);
      return took;
    };
    for (let warm = 0; warm < 100; warm += 1) await attempt(warm % 2 ? 'known0' : 'nobod0');
    t.diagnostic(
      await alike(pairs(400), [
        (pair) => attempt(`known${pair % known}`),
        (pair) => attempt(`nobod${pair % known}`),
      ]),
    );
  });

  test('are signed up alike in time by an invitation, whoever has the address', async (t) => {
    const server = await startServer(t, 'sqlite');
    await server.createAccount('ada');
    let people = 0;
    let code = '';
    const attempt = async (email: string) => {
      if (people % 10_000 === 0) ({ code } = await invite(server, { scope: 'openid', maxUses: 10_000 }));
      people += 1;
      const { browser, page } = await open(server, code);
      const [took] = await timed(() => signUp(browser, page, { username: `n${people}`, email }));
      return took;
    };
    for (let warm = 0; warm < 20; warm += 1)
      await attempt(warm % 2 ? 'ada@harbour.example' : `w${warm}@b.example`);
    t.diagnostic(
      await alike(pairs(100), [
        () => attempt('ada@harbour.example'),
        (pair) => attempt(`n${pair}@harbour.example`),
      ]),
    );
  });
});
