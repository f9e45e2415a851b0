import type { Context } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import { isStorable } from '../kit/text.ts';
import { bodyTooLarge } from './body-limit.ts';

const WRONG = 'The request could not be read. Reload the page and try again.';

/** Nobody reads the answer. The log has it. */
const aborted = (cause: unknown) =>
  new LatchkeyError(
    'invalid_input',
    'request_aborted',
    'The connection ended before the whole request arrived.',
    {
      cause,
    },
  );

/**
 * Reads the bytes of a request's body.
 * @throws LatchkeyError too_large as soon as there are more than `limit`, invalid_input when the client went away
 */
export async function readBody(ctx: Context, limit: number): Promise<Buffer> {
  const { req } = ctx;
  if (Number(ctx.get('content-length')) > limit) throw bodyTooLarge(limit);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of req.iterator({ destroyOnReturn: false })) {
      size += chunk.length;
      if (size > limit) throw bodyTooLarge(limit);
      chunks.push(chunk);
    }
  } catch (error) {
    throw error === req.errored ? aborted(error) : error;
  }
  return Buffer.concat(chunks);
}

/** How deep JSON may be nested. Our pages send less, and a deeper document could overflow the stack of a recursive parser or validator. */
const MAX_DEPTH = 12;

/** Whether services can work with a value, and every database can store its texts. */
function isAcceptable(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return isStorable(value);
  if (typeof value !== 'object' || value === null) return true;
  if (depth === MAX_DEPTH) return false;
  return Object.entries(value).every(([name, member]) => isStorable(name) && isAcceptable(member, depth + 1));
}

/**
 * Reads a JSON document from our own script.
 * @throws LatchkeyError too_large, or invalid_input when it is not UTF-8, not JSON, or nested too deep, or when a name or
 *   text in it has a NUL or half of a surrogate pair
 */
export async function readJson(ctx: Context, limit: number): Promise<unknown> {
  const body = await readBody(ctx, limit);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new LatchkeyError('invalid_input', 'request_unreadable', WRONG, { cause });
  }
  if (!isAcceptable(value)) throw new LatchkeyError('invalid_input', 'request_unreadable', WRONG);
  return value;
}
