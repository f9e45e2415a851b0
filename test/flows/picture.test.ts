import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import type { Browser } from '../support/browser.ts';
import { signInWith } from '../support/builders/authorization.ts';
import { claimsOf } from '../support/builders/second-factor.ts';
import { textOf, visit } from '../support/builders/signed-in.ts';
import { startServer, type TestServer } from '../support/server.ts';

const PROFILE = '/account/profile';
const PATH = `${PROFILE}/picture`;

const plain = (width = 800, height = 600) =>
  sharp({ create: { width, height, channels: 3, background: '#1d5f4a' } });

/** A PNG that says it has that many pixels, and has none. */
function claimedPng(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const begin = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  const rows = deflateSync(Buffer.alloc(1024 * 1024));
  return Buffer.concat([begin, chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
}

describe('the picture of an account', () => {
  const ends: (() => unknown)[] = [];
  let server: TestServer;
  before(async () => {
    server = await startServer({ after: (end: unknown) => void ends.push(end as () => unknown) }, 'sqlite');
  });
  after(async () => {
    for (const end of ends) await end();
  });

  async function upload(
    browser: Browser,
    file: Buffer | string | undefined,
    more: Record<string, string> = {},
  ) {
    const html = await (await browser.get(PROFILE)).text();
    const csrf = new RegExp(
      `action="${PATH}"[^>]*>\\s*<input type="hidden" name="csrf" value="([^"]+)"`,
    ).exec(html);
    const form = new FormData();
    for (const [name, value] of Object.entries({ csrf: String(csrf?.[1]), ...more }))
      form.append(name, value);
    if (file !== undefined) form.append('picture', new Blob([new Uint8Array(Buffer.from(file))]), 'x.png');
    return browser.request(PATH, { method: 'POST', body: form, headers: { origin: browser.issuer } });
  }
  const rows = (accountId: string) =>
    server.database.knex('T_user_pictures').where({ account_id: accountId });

  test('is encoded again as a small WebP without metadata, and is a claim', async () => {
    const ada = await server.createAccount('ada');
    const client = await server.createClient();
    const { browser } = await visit(server, ada, PROFILE);
    const photo = await plain(3000, 2000)
      .withMetadata({ exif: { IFD0: { Copyright: 'at home' } } })
      .jpeg()
      .toBuffer();
    assert.ok(photo.includes('at home'));
    const done = await browser.follow(await upload(browser, photo));
    const page = await done.text();
    assert.match(page, /Your picture was changed/);
    const [, url = ''] = /<img class="avatar" src="([^"]+)"/.exec(page) ?? [];
    const shown = await fetch(new URL(url, server.issuer));
    assert.deepEqual(
      ['content-type', 'cache-control', 'x-content-type-options', 'content-security-policy'].map((name) =>
        shown.headers.get(name),
      ),
      ['image/webp', 'public, max-age=31536000, immutable', 'nosniff', "default-src 'none'; sandbox"],
    );
    const webp = Buffer.from(await shown.arrayBuffer());
    const about = await sharp(webp).metadata();
    assert.deepEqual([about.format, about.width, about.height, about.exif], ['webp', 256, 256, undefined]);
    assert.ok(webp.length <= 6000);
    const { tokens } = await signInWith(server, client, ada, { scope: 'openid profile' });
    assert.equal(claimsOf(tokens.body.id_token).picture, `${server.issuer}${url}`);

    await upload(browser, undefined, { act: 'remove' });
    assert.deepEqual(await rows(ada.id), []);
    assert.equal((await fetch(new URL(url, server.issuer))).status, 404);
  });

  test('is flattened when it is animated, and small even when it is noise', async () => {
    const bo = await server.createAccount('bo');
    const { browser } = await visit(server, bo, PROFILE);
    const frames = await Promise.all(
      ['#f00', '#0f0'].map((background) =>
        sharp({ create: { width: 64, height: 64, channels: 3, background } })
          .png()
          .toBuffer(),
      ),
    );
    const animated = await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer();
    assert.equal((await sharp(animated).metadata()).pages, 2);
    const noise = await sharp({
      create: {
        width: 512,
        height: 512,
        channels: 3,
        background: '#000',
        noise: { type: 'gaussian', mean: 128, sigma: 80 },
      },
    })
      .png()
      .toBuffer();
    for (const file of [animated, noise]) {
      assert.equal((await upload(browser, file)).status, 303);
      const [{ webp }] = await rows(bo.id);
      const stored = Buffer.from(webp, 'base64');
      assert.equal((await sharp(stored).metadata()).pages ?? 1, 1);
      assert.ok(stored.length <= 6000, String(stored.length));
    }
  });

  test('refuses what is no picture, too many pixels and too many bytes, and keeps the present one', async () => {
    const cy = await server.createAccount('cy');
    const { browser } = await visit(server, cy, PROFILE);
    await upload(browser, await plain().png().toBuffer());
    const before = await rows(cy.id);
    const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
    const jpeg = await plain().jpeg().toBuffer();
    const cases: [Buffer | string | undefined, RegExp][] = [
      [undefined, /Choose a picture/],
      ['', /Choose a picture/],
      [svg, /not a picture that can be used/],
      ['hello', /not a picture that can be used/],
      [jpeg.subarray(0, 200), /not a picture that can be used/],
      [Buffer.concat([Buffer.from('GIF89a'), jpeg]), /not a picture that can be used/],
      [claimedPng(40_000, 40_000), /too many pixels/],
    ];
    for (const [file, says] of cases) {
      const answer = await upload(browser, file);
      assert.equal(answer.status, 400, String(says));
      assert.match(await textOf(answer), says);
    }
    assert.equal((await upload(browser, Buffer.alloc(6 * 1024 * 1024))).status, 413);
    assert.deepEqual(await rows(cy.id), before);
  });

  test('takes no upload without a session, its own form, or from another site', async () => {
    const eli = await server.createAccount('eli');
    const { browser } = await visit(server, eli, PROFILE);
    const file = await plain().png().toBuffer();
    assert.equal((await upload(browser, file, { csrf: 'x' })).status, 403);
    const form = new FormData();
    form.append('picture', new Blob([new Uint8Array(file)]), 'x.png');
    const foreign = { method: 'POST', body: form, headers: { origin: 'https://evil.example' } };
    assert.equal((await browser.request(PATH, foreign)).status, 403);
    const own = { ...foreign, headers: { origin: browser.issuer } };
    assert.equal((await browser.request(PATH, own)).status, 403, 'without its token');
    browser.cookies.clear();
    const large = new FormData();
    large.append('picture', new Blob([new Uint8Array(1024 * 1024)]), 'x.png');
    const answer = await browser.request(PATH, { ...own, body: large });
    assert.equal(answer.status, 413, 'a visitor sends no megabytes');
    assert.deepEqual(await rows(eli.id), []);
  });
});
