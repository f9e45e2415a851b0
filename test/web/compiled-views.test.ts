import assert from 'node:assert/strict';
import { test } from 'node:test';
import ejs from 'ejs';
import { createAssets } from '../../src/web/assets.ts';
import { createRenderer } from '../../src/web/render.ts';

test('a view that others include is read once, not at every page', (t) => {
  // Tests of other files have used the same views.
  ejs.clearCache();
  const reads = t.mock.method(ejs, 'fileLoader');
  const render = createRenderer({
    assets: createAssets(),
    issuer: 'https://id.example',
    passwordMinLength: 12,
  });
  const page = () => render('interactions/login', { title: 'x', csrf: 'x', passkeys: {} });
  const first = page();
  const before = reads.mock.callCount();
  assert.ok(before > 0);
  assert.equal(page(), first);
  assert.equal(reads.mock.callCount(), before);
});
