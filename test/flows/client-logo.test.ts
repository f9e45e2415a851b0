import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { toReadable } from '../../src/oidc/clients/cli-output.ts';
import { MAX_LOGO_BYTES } from '../../src/oidc/clients/logo.ts';
import { readLogo } from '../../src/oidc/clients/logo-file.ts';
import { Browser } from '../support/browser.ts';
import { authorization } from '../support/builders/authorization.ts';
import { arrive } from '../support/builders/consent.ts';
import { startServer } from '../support/server.ts';

const OPERATOR = { accountId: null };
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);
const SVG = Buffer.from(
  '<?xml version="1.0"?>\n<!-- made by hand -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
);
const uriOf = (type: string, bytes: Buffer) => `data:image/${type};base64,${bytes.toString('base64')}`;

/** Writes a file that ends with the test. */
function fileWith(bytes: Buffer | string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'logo-')), 'logo');
  writeFileSync(file, bytes);
  return file;
}

/** A site that serves these bytes, again and again if `isEndless`. */
async function serve(t: TestContext, bytes: Buffer, isEndless = false) {
  const site: Server = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.write(bytes);
    if (!isEndless) return response.end();
    const timer = setInterval(() => response.write(bytes), 1);
    response.on('close', () => clearInterval(timer));
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  t.after(() => site.closeAllConnections());
  t.after(() => site.close());
  return `http://127.0.0.1:${(site.address() as AddressInfo).port}/logo`;
}

describe('the logo that an operator names', () => {
  test('is read from a file, an address or a data: URL, and its bytes decide its type', async (t) => {
    for (const [type, bytes] of [
      ['png', PNG],
      ['svg+xml', SVG],
      ['jpeg', Buffer.from('\xff\xd8\xff\xe0', 'latin1')],
      ['gif', Buffer.from('GIF89a')],
      ['webp', Buffer.from('RIFF\0\0\0\0WEBPVP8 ')],
    ] as const) {
      assert.equal(await readLogo(fileWith(bytes)), uriOf(type, bytes));
      assert.equal(await readLogo(await serve(t, bytes)), uriOf(type, bytes));
      assert.equal(await readLogo(uriOf('png', bytes)), uriOf(type, bytes));
    }
  });

  test('is refused when it is no image, too large, or not there, with the reason', async (t) => {
    const large = Buffer.concat([PNG, Buffer.alloc(MAX_LOGO_BYTES)]);
    for (const [place, reason] of [
      [fileWith('<html>'), /A logo is a PNG/],
      [fileWith(''), /A logo is a PNG/],
      [fileWith('text <svg>'), /A logo is a PNG/],
      [fileWith(`${'<!---->'.repeat(4000)}<html>`), /A logo is a PNG/],
      [fileWith(large), /at most 32 kB. This one has 33 kB/],
      [await serve(t, large), /at most 32 kB/],
      [await serve(t, PNG, true), /at most 32 kB/],
      ['/nowhere/logo.png', /logo \/nowhere\/logo.png cannot be read: ENOENT/],
      ['http://127.0.0.1:9/logo', /cannot be read/],
      ['data:text/html;base64,PGI+', /cannot be read/],
    ] as const)
      await assert.rejects(readLogo(place), reason);
  });
});

describe('the logo of an application', () => {
  test('is part of the consent page, which loads nothing from elsewhere', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const logoUri = await readLogo(fileWith(PNG));
    const client = await server.createClient({ logoUri });
    assert.equal(client.logo_uri, logoUri);
    const page = await arrive(new Browser(server.issuer), authorization(client), ada);
    const policy = page.headers.get('content-security-policy') ?? '';
    assert.match(policy, /img-src 'self' data:;/);
    const html = await page.text();
    assert.deepEqual(html.match(/<img[^>]*>/g), [`<img class="logo" src="${logoUri}" alt="">`]);
    assert.ok(html.indexOf('class="logo"') < html.indexOf('<h1>'));
  });

  test('is not there when none is registered, and is removed again', async (t) => {
    const server = await startServer(t, 'sqlite');
    const ada = await server.createAccount();
    const client = await server.createClient();
    const browser = new Browser(server.issuer);
    const imagesIn = async () =>
      (await (await arrive(browser, authorization(client), ada)).text()).match(/<img/g);
    assert.equal(await imagesIn(), null);
    const logoUri = uriOf('png', PNG);
    await server.clients.update(OPERATOR, client.client_id, { logoUri });
    assert.equal((await imagesIn())?.length, 1);
    const renamed = await server.clients.update(OPERATOR, client.client_id, { name: 'Notes' });
    assert.equal(renamed.logo_uri, logoUri, 'another change keeps it');
    await server.clients.update(OPERATOR, client.client_id, { logoUri: null });
    assert.equal(await imagesIn(), null);
  });

  test('at another site is refused', async (t) => {
    const server = await startServer(t, 'sqlite');
    for (const logoUri of [
      'https://app.example/logo.png',
      'javascript:alert(1)',
      'data:text/html;base64,PGI+',
      '',
    ])
      await assert.rejects(async () => server.createClient({ logoUri }), /A logo is a data: URL/);
  });

  test('is described for people, and left out of lists', async (t) => {
    const server = await startServer(t, 'sqlite');
    const { client_id } = await server.createClient({ logoUri: uriOf('svg+xml', SVG) });
    const document = await server.clients.show(client_id);
    assert.equal(toReadable(document).logo_uri, 'image/svg+xml, 1 kB');
    assert.equal((await server.clients.list())[0]?.logo_uri, undefined);
  });
});
