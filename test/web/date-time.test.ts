import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAssets } from '../../src/web/assets.ts';
import { createRenderer } from '../../src/web/render.ts';

const NOW = '2026-11-28T00:30:00Z';

/** What the sessions page says about a session of that instant: the text, and what it shows when it is pointed at. */
function shownAt(at: string, timeZone?: string): string[] {
  const render = createRenderer({
    assets: createAssets(),
    issuer: 'https://id.example',
    passwordMinLength: 12,
  });
  const session = { isCurrent: true, browser: 'Firefox', signed_in_at: at };
  const html = render('account/sessions', { title: 'Sessions', timeZone, sessions: [session] });
  return /title="([^"]+)">([^<]+)<\/time>/.exec(html)?.slice(1).reverse() ?? [];
}

test('an instant is said as people say it, in their time zone, and whole when it is pointed at', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.parse(NOW) });
  assert.deepEqual(shownAt('2026-11-28T00:10:00Z'), ['today, 00:10', '28 Nov 2026, 00:10 UTC']);
  assert.deepEqual(shownAt('2026-11-27T23:50:00Z'), ['yesterday, 23:50', '27 Nov 2026, 23:50 UTC']);
  assert.deepEqual(shownAt('2026-11-26T23:50:00Z'), ['26 Nov, 23:50', '26 Nov 2026, 23:50 UTC']);
  assert.deepEqual(shownAt('2025-12-31T23:50:00Z'), ['31 Dec 2025, 23:50', '31 Dec 2025, 23:50 UTC']);
  // In Lima it is the evening of 27 November, and in Tokyo the morning of 28 November.
  assert.equal(shownAt('2026-11-27T00:10:00Z', 'America/Lima')[0], 'yesterday, 19:10');
  assert.equal(shownAt('2026-11-27T15:10:00Z', 'Asia/Tokyo')[0], 'today, 00:10');
  assert.equal(shownAt('2026-01-01T02:00:00Z', 'America/Lima')[0], '31 Dec 2025, 21:00');
});
