import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toCsv, toSheet } from '../../src/identity/invitations/export.ts';
import type { CreatedInvitation } from '../../src/identity/invitations/invitation.ts';

const made = (label: string): CreatedInvitation => ({
  id: '0190',
  label,
  email: null,
  scopes: ['openid', 'profile'],
  roles: [],
  state: 'waiting',
  max_uses: 1,
  uses: 0,
  created_by: null,
  created_at: '2026-01-01T00:00:00.000Z',
  expires_at: null,
  revoked_at: null,
  code: 'K7QF2-2XWM9',
  url: 'https://id.example/invitation?code=K7QF2-2XWM9',
});

test('a label is not run as a formula in a spreadsheet, and stays in its cell', () => {
  for (const sign of ['=', '+', '-', '@', '\t', '\r']) {
    const [, row = ''] = toCsv([made(`${sign}cmd|'/c calc'!A1`)]).split('\r\n');
    assert.match(row, /^0190,"?'/);
  }
  const csv = toCsv([made('a "b", c\nd')]);
  assert.ok(csv.includes(`0190,"a ""b"", c\nd",,K7QF2-2XWM9,`));
});

test('a label is only text on the printed sheet', async () => {
  const html = await toSheet([made('"><script>alert(1)</script>')]);
  assert.ok(!html.includes('<script'));
  assert.ok(html.includes('&lt;script&gt;'));
  assert.equal(html.match(/<svg /g)?.length, 1);
});
