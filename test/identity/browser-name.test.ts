import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameBrowser } from '../../src/identity/sessions/browser-name.ts';

const KNOWN: Record<string, string> = {
  'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0': 'Firefox on Linux',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36':
    'Chrome on Windows',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15':
    'Safari on macOS',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1':
    'Safari on iOS',
};

test('a browser and its system are named', () => {
  for (const [agent, name] of Object.entries(KNOWN)) assert.equal(nameBrowser(agent), name);
});

test('whatever a program claims, its name is short and has no markup', () => {
  for (const agent of [
    '',
    null,
    undefined,
    '<script>alert(1)</script>/1 "><b>',
    `${'x'.repeat(500)}/1 `,
    '\u202eevil/1 (\u2066)',
    'Mozilla/5.0 (<img src=x onerror=alert(1)>)',
    '(((((((((('.repeat(50),
  ]) {
    const name = nameBrowser(agent);
    assert.match(name, /^[\p{L}\p{N} ._+/-]{1,84}$/u, String(agent));
  }
  assert.equal(nameBrowser(''), 'Unknown browser');
});
