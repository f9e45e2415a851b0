import { randomUUID } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import type { Logger } from '../kit/log.ts';

/** Paths may contain ids and codes, and those of a connected service names of people, so the log has only their shape, and never the query. */
function maskIds(path: string): string {
  return path
    .replace(/^(\/connections\/[^/]+\/proxy\/).+/i, '$1*')
    .replace(/[A-Za-z0-9_~-]{20,}/g, ':id')
    .slice(0, 200);
}

/**
 * Gives every request an id (`ctx.state.requestId`, `X-Request-Id`), and logs one line about it when it is answered.
 * Error pages show the id, so that an operator finds the line.
 */
export function logRequests(log: Logger): Middleware {
  return async (ctx, next) => {
    const started = performance.now();
    const requestId = randomUUID();
    ctx.state.requestId = requestId;
    ctx.set('X-Request-Id', requestId);
    await next();
    log.info({
      request_id: requestId,
      interaction_id: ctx.state.interactionId,
      method: ctx.method,
      path: maskIds(ctx.path),
      status: ctx.status,
      code: ctx.state.errorCode,
      ms: Math.round(performance.now() - started),
    });
  };
}

/** Whether an error is that of the visitor's own connection: nobody is left to answer, and nothing is wrong here. */
const isOfConnection = (error: unknown, req: IncomingMessage) =>
  error === req.errored || error === req.socket.errored;

/** Logs errors that Koa reports beside the request. */
export function logErrors(application: object, log: Logger): void {
  (application as EventEmitter).on('error', (error: Error, { req }: { req: IncomingMessage }) => {
    if (isOfConnection(error, req)) log.debug({ event: 'connection_lost', err: error });
    else log.error({ err: error });
  });
}
