import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Context } from 'koa';
import { type ErrorKind, LatchkeyError } from '../../src/kit/errors.ts';
import { createLog } from '../../src/kit/log.ts';
import { answerErrors } from '../../src/web/errors.ts';

const MESSAGE = 'The password was changed at the same time.';

/** @returns the heading of the error page after a form was refused */
async function headingFor(kind: ErrorKind, code: string, path = '/'): Promise<unknown> {
  return (await pageFor(kind, code, path)).heading;
}

/** @returns what the error page is shown with after a form of that path was refused */
async function pageFor(kind: ErrorKind, code: string, path: string): Promise<Record<string, unknown>> {
  let shown: Record<string, unknown> = {};
  const answer = answerErrors({
    log: createLog('silent'),
    showPage: (_ctx, _view, data) => {
      shown = data;
    },
    answerEndpointError: () => false,
  });
  const request = { url: path, path, method: 'POST' };
  const ctx = { ...request, state: { requestId: 'r1' }, accepts: () => 'html', remove() {}, set() {} };
  await answer(ctx as unknown as Context, () => Promise.reject(new LatchkeyError(kind, code, MESSAGE)));
  return shown;
}

test('no heading of an error page denies a change that the text below it reports', async () => {
  assert.equal(await headingFor('conflict', 'password_changed_concurrently'), 'You were not signed in');
  assert.equal(await headingFor('conflict', 'credential_removed_concurrently'), 'You were not signed in');
  for (const kind of ['conflict', 'forbidden', 'too_large'] as const)
    assert.doesNotMatch(String(await headingFor(kind, 'any_other')), /Nothing was changed/);
});

test('the heading of an error page names the act that was refused', async () => {
  for (const [path, heading] of [
    ['/account/security/keys', 'The key was not changed'],
    ['/admin/invitations/0198-ab/revoke', 'The invitation was not revoked'],
    ['/admin/invitations/new', 'No invitation was created'],
  ] as const)
    for (const kind of ['conflict', 'forbidden', 'invalid_input'] as const)
      assert.equal(await headingFor(kind, 'any_other', path), heading);
  assert.equal(
    await headingFor('rate_limited', 'too_many_attempts', '/admin/invitations/new'),
    'Too many attempts',
  );
});

test('an error page has a way on, and a reference only if somebody can use it', async () => {
  const keys = await pageFor('conflict', 'any_other', '/account/security/keys');
  assert.deepEqual(keys.back, { url: '/account/security', label: 'Your account' });
  assert.equal(keys.reference, 'r1');
  const unknown = await pageFor('not_found', 'page_not_found', '/nowhere');
  assert.deepEqual(unknown.back, { url: '/', label: 'Go to the home page' });
  assert.equal(unknown.reference, undefined);
  assert.equal((await pageFor('rate_limited', 'too_many_attempts', '/forgot')).reference, undefined);
});
