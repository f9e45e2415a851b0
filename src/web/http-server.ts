import { randomUUID } from 'node:crypto';
import {
  createServer,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../kit/log.ts';
import { isTooLong } from './body-limit.ts';
import { STRICT_TRANSPORT_SECURITY } from './security-headers.ts';

const MAX_HEADER_BYTES = 16_384;
/** How long a client has for the headers of a request, and for all of it. */
const MAX_HEADERS_MS = 10_000;
const MAX_REQUEST_MS = 30_000;

/** Node's codes for a request that it could not read, and what they mean. Every other one is a 400. */
const STATUS: Record<string, number> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431,
};

export interface HttpServerDeps {
  listener: RequestListener;
  log: Logger;
  /** How long a connection is kept for the next request. */
  keepAliveSeconds: number;
  /** Whether the issuer is https, so that browsers may insist on it. */
  secure: boolean;
}

/** The HTTP server around the application. It answers what never becomes a request of the application, too. */
export function createHttpServer(deps: HttpServerDeps): Server {
  const { log, secure } = deps;
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: MAX_HEADERS_MS,
      requestTimeout: MAX_REQUEST_MS,
      // Answered by the application, with its headers.
      requireHostHeader: false,
      keepAliveTimeout: deps.keepAliveSeconds * 1000,
    },
    deps.listener,
  );

  /** Writes a response without the application, logs it, and ends the connection. */
  function refuseSocket(socket: Socket, status: number, code: string): void {
    const requestId = randomUUID();
    const title = STATUS_CODES[status] ?? '';
    const body = JSON.stringify({ type: 'about:blank', title, status });
    const headers = [
      `HTTP/1.1 ${status} ${title}`,
      'Connection: close',
      'Content-Type: application/problem+json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Cache-Control: no-store',
      'X-Content-Type-Options: nosniff',
      `X-Request-Id: ${requestId}`,
      ...(secure ? [`Strict-Transport-Security: ${STRICT_TRANSPORT_SECURITY}`] : []),
    ];
    socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
    log.info({ request_id: requestId, event: 'request_refused', status, code });
  }

  /** The response that is being written on a connection, if any. A second one would corrupt it. */
  const responses = new WeakMap<Socket, ServerResponse>();
  server.on('request', (req, res) => responses.set(req.socket, res));
  server.on('clientError', (error: NodeJS.ErrnoException, duplex) => {
    const socket = duplex as Socket;
    const { code = '' } = error;
    const response = responses.get(socket);
    const isAnswering = response?.headersSent && !response.writableFinished;
    if (code === 'ECONNRESET' || !socket.writable || isAnswering) socket.destroy();
    else refuseSocket(socket, STATUS[code] ?? 400, code);
  });
  // A tunnel through this server.
  server.on('connect', (_req, socket) => {
    socket.on('error', () => {});
    refuseSocket(socket as Socket, 405, 'CONNECT');
  });
  // `Expect: 100-continue`: the client sends the body only after a go-ahead.
  server.on('checkContinue', (req, res) => {
    if (!isTooLong(req)) res.writeContinue();
    server.emit('request', req, res);
  });
  server.on('checkExpectation', (req, res) => server.emit('request', req, res));
  return server;
}
