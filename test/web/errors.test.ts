import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Context } from 'koa';
import { type ErrorKind, LatchkeyError } from '../../src/kit/errors.ts';
import { createLog } from '../../src/kit/log.ts';
import { answerErrors } from '../../src/web/errors.ts';

const MESSAGE = 'The password was changed at the same time.';

/** @returns the heading of the error page */
async function headingFor(kind: ErrorKind, code: string): Promise<unknown> {
  let heading: unknown;
  const answer = answerErrors({
    log: createLog('silent'),
    showPage: (_ctx, _view, data) => {
      heading = data.heading;
    },
    answerEndpointError: () => false,
  });
  const ctx = { url: '/', state: {}, accepts: () => 'html', remove() {}, set() {} };
  await answer(ctx as unknown as Context, () => Promise.reject(new LatchkeyError(kind, code, MESSAGE)));
  return heading;
}

test('no heading of an error page denies a change that the text below it reports', async () => {
  assert.equal(await headingFor('conflict', 'password_changed_concurrently'), 'You were not signed in');
  assert.equal(await headingFor('conflict', 'credential_removed_concurrently'), 'You were not signed in');
  for (const kind of ['conflict', 'forbidden', 'too_large'] as const)
    assert.doesNotMatch(String(await headingFor(kind, 'any_other')), /Nothing was changed/);
});
