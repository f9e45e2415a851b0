import type { IncomingMessage, ServerResponse } from 'node:http';
import { bodyTooLarge } from '../../web/body-limit.ts';
import { MAX_REQUEST_BYTES } from './limits.ts';

/** A body up to this size is kept until the answer, so that it can be sent again with a new credential. */
const MAX_KEPT_BYTES = 64 * 1024;

export interface CallBody {
  /** Null: the request has no body. */
  data: Buffer | AsyncIterable<Buffer> | null;
  isRepeatable: boolean;
}

async function* limited(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > MAX_REQUEST_BYTES) throw bodyTooLarge(MAX_REQUEST_BYTES);
    yield chunk;
  }
}

async function readWhole(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/**
 * Takes the body of an application's request: a small one whole, a larger one as it arrives.
 * @throws LatchkeyError too_large when its Content-Length is above the limit
 */
export async function takeBody(req: IncomingMessage, res: ServerResponse): Promise<CallBody> {
  const { headers } = req;
  const isChunked = headers['transfer-encoding'] !== undefined;
  const length = Number(headers['content-length'] ?? 0);
  if (!isChunked && length === 0) return { data: null, isRepeatable: true };
  if (length > MAX_REQUEST_BYTES) throw bodyTooLarge(MAX_REQUEST_BYTES);
  // An answer that comes before the end of the request must still reach the application.
  const chunks = req.iterator({ destroyOnReturn: false });
  if (!isChunked && length <= MAX_KEPT_BYTES) return { data: await readWhole(chunks), isRepeatable: true };
  // The server sends the go-ahead by itself only for the small bodies of its own endpoints.
  if (headers.expect !== undefined) res.writeContinue();
  return { data: limited(chunks), isRepeatable: false };
}
