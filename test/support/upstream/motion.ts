import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { MOTION_USER, MOTION_WORKSPACES } from '../fixtures/motion.ts';
import { json, serve } from './http.ts';

/** A service that behaves like Motion: a key in the header X-API-Key, and no OAuth. */
export async function startMotion(t: Pick<TestContext, 'after'>) {
  const apiKey = `motion-${randomBytes(18).toString('base64url')}`;
  const knobs = {
    keys: new Map([[apiKey, MOTION_USER]]),
    /** The next calls are too many. */
    isBusy: false,
    /** The status of every answer, for a service that is down. */
    status: undefined as number | undefined,
  };
  const motion = await serve(t, (res, { headers }, { pathname }) => {
    const user = knobs.keys.get(String(headers['x-api-key']));
    if (knobs.status !== undefined) json(res, knobs.status, { message: 'Internal Server Error' });
    else if (!user) json(res, 401, { message: 'Unauthorized', statusCode: 401 });
    else if (knobs.isBusy) json(res, 429, { message: 'Too Many Requests' }, { 'retry-after': '30' });
    else if (pathname === '/v1/users/me') json(res, 200, user);
    else if (pathname === '/v1/workspaces') json(res, 200, MOTION_WORKSPACES);
    else return false;
    return true;
  });
  return { ...motion, apiKey, knobs };
}
