import type { IncomingMessage } from 'node:http';
import type { Context, Middleware } from 'koa';
import { LatchkeyError } from '../kit/errors.ts';
import { findRoute } from './routes.ts';

/** The largest body of a request. The engine reads as much, and our own pages less. */
const MAX_BODY_BYTES = 56 * 1024;
/** How long a client can go on sending after it was refused. */
const LINGER_MS = 1000;

/** Whether a request announces a body that is too large. */
export const isTooLong = ({ headers }: IncomingMessage, limit = MAX_BODY_BYTES) =>
  Number(headers['content-length']) > limit;

export const bodyTooLarge = (limit: number) =>
  new LatchkeyError(
    'too_large',
    'request_too_large',
    `Send at most ${limit} bytes in the body of the request.`,
  );

/**
 * Ends the connection after the response. What the client still sends is discarded for a moment: closing a socket that
 * has unread bytes resets the connection, and the client might then lose the response.
 */
export function closeConnection({ req, res }: Context): void {
  const { socket } = req;
  res.setHeader('Connection', 'close');
  // Node calls it after the last response of a connection.
  socket.destroySoon = () => {
    socket.end();
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
    if (req.complete) socket.destroy();
    else req.once('end', () => socket.destroy()).resume();
  };
}

/** Throws as soon as the chunks are too large together. @param onExcess is called first: the reader may hide the error */
async function* limitChunks(
  chunks: AsyncIterable<Buffer>,
  limit: number,
  onExcess: () => void,
): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > limit) {
      onExcess();
      throw bodyTooLarge(limit);
    }
    yield chunk;
  }
}

/**
 * Answers 413 to every request whose body is too large, without reading it. A connection on which a body is still to
 * come ends with the response, so that nothing reads on without an end.
 */
export const limitBodies: Middleware = async (ctx, next) => {
  const { req } = ctx;
  const limit = findRoute(ctx.path)?.maxUpload ?? MAX_BODY_BYTES;
  let isTooLarge = isTooLong(req, limit);
  if (ctx.get('transfer-encoding') !== '') {
    // The length is not known before the end. Both the engine and our pages read by this method.
    const iterate = req.iterator.bind(req);
    req.iterator = (options) =>
      limitChunks(iterate(options), limit, () => {
        isTooLarge = true;
      });
  }
  try {
    if (!isTooLarge) await next();
    if (isTooLarge) throw bodyTooLarge(limit);
  } finally {
    if (!req.complete) closeConnection(ctx);
  }
};
