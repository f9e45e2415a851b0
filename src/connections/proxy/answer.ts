import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { LatchkeyError } from '../../kit/errors.ts';
import type { EndOfUse } from '../log/index.ts';
import { toRefusal, type UpstreamResponse } from './api-client.ts';
import { MAX_ANSWER_BYTES, MAX_STALL_MS } from './limits.ts';

const tooLarge = () =>
  new LatchkeyError('bad_gateway', 'answer_too_large', `An answer has at most ${MAX_ANSWER_BYTES} bytes.`);

/** What an answer is in the log. The service has refused a call whose status is 400 or more. */
const endOf = (status: number, bytes: number): EndOfUse =>
  status < 400 ? { status: 'completed', bytes } : { status: 'failed', bytes, errorCode: String(status) };

/**
 * Passes a body on as it arrives, at the pace of the application, unless that stops reading. The headers are sent, so an answer
 * that cannot be completed ends with its connection, so that the application notices.
 * @returns how it ended; never throws
 */
export async function passOn(
  res: ServerResponse,
  { statusCode, body }: Pick<UpstreamResponse, 'statusCode' | 'body'>,
  stallMs = MAX_STALL_MS,
): Promise<EndOfUse> {
  let bytes = 0;
  let failed: 'service' | 'application' | undefined;
  res.once('close', () => {
    if (!res.writableFinished) failed ??= 'application';
  });
  body.once('error', () => {
    failed ??= 'service';
  });
  // The pipeline pauses the body until the application has read what is waiting for it.
  let stalled: NodeJS.Timeout | undefined;
  body.on('pause', () => {
    clearTimeout(stalled);
    stalled = setTimeout(() => res.destroy(), stallMs);
  });
  res.on('drain', () => clearTimeout(stalled));
  // The listener is attached at once, like the pipeline, so it loses nothing.
  body.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) body.destroy(tooLarge());
  });
  try {
    await pipeline(body, res);
    return endOf(statusCode, bytes);
  } catch (error) {
    if (failed === 'application') return { status: 'cancelled', bytes };
    const { code, message } = toRefusal(error);
    return { status: 'failed', bytes, errorCode: code, errorMessage: message };
  } finally {
    clearTimeout(stalled);
  }
}
