import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';
import { createAssets } from '../../src/web/assets.ts';
import { createRenderer } from '../../src/web/render.ts';
import { everyView } from '../support/builders/views.ts';
import { withoutOwnScript } from '../support/page-script.ts';

const TURN = '\u202egnp.exe\u2066';
const HOSTILE = {
  markup: '"><script>alert(1)</script>',
  quotes: "' onfocus=x style=y `",
  'turned text': TURN,
};
const assets = createAssets();
const page = createRenderer({ assets, issuer: 'https://id.harbour.example', passwordMinLength: 15 });
const tagsOf = (html: string) => html.match(/<[^>]*>?/g) ?? [];
const titleOf = (html: string) => /<title>(.*)<\/title>/.exec(html)?.[1];

describe('the pages', () => {
  test('every view is tested here', () => {
    const files = readdirSync(projectPath('views'), {
      recursive: true,
      encoding: 'utf8',
    });
    const views = files.filter((file) => file.endsWith('.ejs')).map((file) => file.slice(0, -4));
    const tested = new Set(everyView('').map(([name]) => name));
    // Partials; the sheet (test/identity/invitation-export.test.ts) and the mails (test/flows/mail.test.ts).
    const parts =
      /^(layout|account\/(key-list|add-key)|parts\/.*|mail\/.*|invitations\/(details|print-sheet)|console\/invitations\/(state|grants|row))$/;
    assert.deepEqual(views.filter((name) => !parts.test(name)).sort(), [...tested].sort());
  });

  for (const [what, bad] of Object.entries(HOSTILE)) {
    for (const [index, [name, data]] of everyView(bad).entries()) {
      test(`${name} (${index}) stays whole with ${what}`, () => {
        const html = withoutOwnScript(page(name, data));
        assert.ok(html.startsWith('<!doctype html>\n<html lang="en"'));
        assert.equal(html.match(/<h1[ >]/g)?.length, 1);
        for (const tag of tagsOf(html)) {
          assert.match(tag, /^<(?:!doctype html|\/?[a-z][a-z0-9]*(?: [a-zA-Z-]+(?:="[^"<>]*")?)*\/?)>$/);
          assert.doesNotMatch(tag, /^<(?:script|style|iframe|base)/);
          assert.doesNotMatch(tag.replace(/"[^"]*"/g, '""'), / (?:style|on\w+)\b/);
        }
        for (const [, url] of html.matchAll(/<(?:link|img)[^>]* (?:href|src)="([^"]*)"/g))
          assert.match(
            url ?? '',
            /^(?:\/assets\/|\/pictures\/a$|\/logo\?client_id=a$|data:image\/svg\+xml;base64,[\w+/=]+$)/,
          );
      });
    }
  }

  test('a name cannot reverse the direction of the text after it', () => {
    for (const [name, data] of everyView(TURN)) {
      assert.doesNotMatch(titleOf(page(name, data)) ?? '', /[\u202a-\u202e\u2066-\u2069]/);
    }
    const html = page('interactions/login', { title: 'x', clientName: TURN, action: '/', csrf: 'x' });
    assert.ok(html.includes(`<bdi>${TURN}</bdi></h1>`));
  });

  test('the title begins with Error when something is wrong', () => {
    const data = { title: 'Sign in to A & B', clientName: 'A & B', action: '/', csrf: 'x' };
    assert.equal(titleOf(page('interactions/login', data)), 'Sign in to A &amp; B – Latchkey');
    const failed = page('interactions/login', { ...data, alert: 'No' });
    assert.equal(titleOf(failed), 'Error: Sign in to A &amp; B – Latchkey');
  });

  test('every page names its own host, and loads only our style sheet', () => {
    const html = page('home', { title: 'x', host: 'evil.example', stylesheet: '//evil.example/x.css' });
    assert.ok(html.includes('You are at <span class="mono host">id.harbour.example</span>'));
    assert.ok(!html.includes('evil.example'));
  });

  test('the sign-in page names the operator only if that is configured', () => {
    const data = { title: 'x', clientName: 'A', action: '/', csrf: 'x' };
    const branded = createRenderer({
      assets,
      issuer: 'https://id.harbour.example',
      brand: 'Harbour',
      passwordMinLength: 15,
    });
    assert.match(branded('interactions/login', data), /with your <bdi>Harbour<\/bdi> account/);
    assert.doesNotMatch(page('interactions/login', data), /with your/);
  });

  test('a short form says once what is wrong, and the wrong field refers to it', () => {
    const data = { title: 'x', clientName: 'A', action: '/', csrf: 'x' };
    const html = page('interactions/login', { ...data, alert: 'Enter a password', alertField: 'password' });
    assert.ok(html.includes('<a href="#password">Enter a password</a>'));
    assert.equal(html.match(/Enter a password/g)?.length, 1);
    assert.equal(html.match(/aria-invalid="true" aria-describedby="problem"/g)?.length, 1);
    assert.equal(html.match(/aria-invalid/g)?.length, 1);
  });

  test('an unverified application shows where it leads, and Allow is not the first choice', () => {
    const consent = everyView('x').find(([, data]) => data.verified === false)?.[1];
    const html = page('interactions/consent', { ...consent, clientName: 'Bank', redirectHost: 'h.example' });
    assert.match(html, /<h1>Allow <span class="host">h\.example<\/span>/);
    assert.doesNotMatch(html, /class="primary"|<img/);
    assert.match(html, /The people who run this server have not checked this application/);
    assert.match(html, /It has no access while you are away/);
  });

  test('an address can break after @ or a slash, never inside its host', () => {
    const html = page('recovery/confirm-email', {
      ...everyView('x')[0]?.[1],
      email: 'mei<co@harbour.example',
    });
    assert.ok(html.includes('mei&lt;co@<wbr>harbour.example'));
    const url = 'https://id.harbour.example/invitation?code=AB-CD';
    const created = [{ url, code: 'AB-CD', qr: '/x', scopes: [], roles: [], max_uses: 1 }];
    assert.ok(
      page('console/invitations/created', { title: 'x', created }).includes(
        'https://id.harbour.example/<wbr>invitation?<wbr>code=<wbr>AB-CD</p>',
      ),
    );
  });

  test('a missing view throws', () => {
    assert.throws(() => page('no-such-view', { title: 'x' }), /ENOENT/);
  });
});

test('no field has a maxlength: a browser cuts a pasted text silently, and the server says what is too long', () => {
  for (const [name, data] of everyView('x')) assert.doesNotMatch(page(name, data), /maxlength/i, name);
});
