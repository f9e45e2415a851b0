import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../kit/log.ts';

/** Even with LATCHKEY_DRAIN=0 a stopping server answers this long, so that clients get `Connection: close`. */
const NOTICE_MS = 300;
/** How long a request that has begun to arrive may take to arrive completely, once the drain is over. */
const REST_OF_REQUEST_MS = 500;
/** The longest time from the end of the drain to the end of the process. With the default drain (3 s) it is less than the ten seconds after which `docker stop` kills a process. */
const GRACE_MS = 6000;

export interface LifecycleDeps {
  server: Server;
  log: Logger;
  /** For how long a stopping server still accepts requests, so that a load balancer can send them elsewhere. */
  drainSeconds: number;
  /** Called at the first signal. */
  onStop(): void;
  /** What is left to do after the last response, in this order. @param ms the time that is left */
  closing: Record<string, (ms: number) => Promise<unknown>>;
}

/** Follows the connections of a server, and the requests under way on each. */
function followConnections(server: Server) {
  const open = new Map<Socket, Map<IncomingMessage, ServerResponse>>();
  server.on('connection', (socket) => {
    open.set(socket, new Map());
    socket.once('close', () => open.delete(socket));
  });
  server.on('request', (req, res) => {
    const underWay = open.get(req.socket);
    underWay?.set(req, res);
    res.once('close', () => underWay?.delete(req));
  });
  return {
    /** Tells the client of each request under way, and of each later one, that its connection ends with the response. */
    announceEnd(): void {
      const announce = (res: ServerResponse) => {
        if (!res.headersSent) res.setHeader('Connection', 'close');
      };
      for (const underWay of open.values()) for (const res of underWay.values()) announce(res);
      server.prependListener('request', (_req, res) => announce(res));
    },
    /** Ends connections on which nothing is under way: idle, silent, or in the middle of the headers. */
    endUnused(): void {
      for (const [socket, underWay] of open) if (underWay.size === 0) socket.destroy();
    },
    /** Ends connections whose request has not arrived completely. */
    endSlow(): void {
      for (const [socket, underWay] of open)
        if ([...underWay.keys()].some((req) => !req.complete)) socket.destroy();
    },
  };
}

/**
 * Ends the process on SIGTERM or SIGINT: it reports that it is not ready, keeps answering for the drain, stops listening, finishes
 * the requests under way, and closes what is open. It exits with 0. A second signal ends it at once.
 */
export function stopOnSignal(deps: LifecycleDeps): void {
  const { server, log, closing } = deps;
  const connections = followConnections(server);
  let isStopping = false;

  /** Runs one step until `end` at the latest. If it fails or is late, that is logged, and the process still ends. */
  async function settle(name: string, end: number, work: (ms: number) => Promise<unknown>): Promise<void> {
    const ms = Math.max(0, end - performance.now());
    const late = sleep(ms, 'late', { ref: false });
    const outcome = await Promise.race([work(ms), late]).catch((error) => {
      log.error({ event: 'stopping', step: name, err: error });
    });
    if (outcome === 'late') log.error({ event: 'stopping', step: name, unfinished: true });
  }

  async function stop(): Promise<void> {
    deps.onStop();
    connections.announceEnd();
    await sleep(Math.max(NOTICE_MS, deps.drainSeconds * 1000));
    const end = performance.now() + GRACE_MS;
    // What remains after the last response (mail, the database) gets the second half.
    const requestsEnd = end - GRACE_MS / 2;
    const closed = new Promise((resolve) => server.close(resolve));
    connections.endUnused();
    setTimeout(() => connections.endSlow(), REST_OF_REQUEST_MS).unref();
    await settle('requests', requestsEnd, () => closed);
    server.closeAllConnections();
    for (const [name, work] of Object.entries(closing)) await settle(name, end, work);
    process.exit(0);
  }

  function onSignal(signal: NodeJS.Signals): void {
    log.info({ event: 'stopping', signal });
    if (isStopping) process.exit(1);
    isStopping = true;
    void stop();
  }
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}
