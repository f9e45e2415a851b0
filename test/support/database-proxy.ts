import { connect, createServer, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import type { TestContext } from 'node:test';

/** A proxy between a server and its database, which can fail in the ways that networks do. */
export interface DatabaseProxy {
  /** The URL of the database through the proxy. */
  url: string;
  /** Resets open connections and refuses new ones. */
  refuse(): Promise<void>;
  /** Accepts everything and forwards nothing, also on new connections. */
  pause(): void;
  /** Forwards what was held back, and everything after it. */
  resume(): void;
  /** Forwards on new connections only. The paused ones never receive anything again. */
  forget(): void;
  /** Replaces the next answer of the database by other bytes. */
  garble(): void;
  /**
   * Loses the next COMMIT, or only its answer; a moment later that connection is reset. New ones work.
   * @returns when it has happened
   */
  loseCommit(lost: 'request' | 'answer'): Promise<void>;
  /** Listens again after `refuse`. */
  listen(): Promise<void>;
}

/** Longer than any commit takes. */
const COMMIT_MS = 300;

export async function openProxy(t: Pick<TestContext, 'after'>, databaseUrl: string): Promise<DatabaseProxy> {
  const target = new URL(databaseUrl);
  const pairs = new Set<[Socket, Socket]>();
  let paused = false;
  let garbled = false;
  let losing: { lost: 'request' | 'answer'; done: () => void } | undefined;
  let port = 0;
  let server: Server;

  const drop = () => {
    for (const [near, far] of pairs) {
      near.resetAndDestroy();
      far.destroy();
    }
    pairs.clear();
  };
  const hold = (pair: [Socket, Socket]) => {
    for (const socket of pair) socket.unpipe().pause();
  };
  const garbling = () =>
    new Transform({
      transform(chunk, _encoding, done) {
        if (garbled) chunk[0] = 0xff;
        garbled = false;
        done(null, chunk);
      },
    });
  const flow = ([near, far]: [Socket, Socket]) => {
    const answers = far.pipe(garbling());
    answers.pipe(near);
    const requests = new Transform({
      transform(chunk, _encoding, done) {
        if (!losing || !/COMMIT(?!TED)/i.test(chunk.toString('latin1'))) return done(null, chunk);
        const { lost, done: report } = losing;
        losing = undefined;
        answers.unpipe(near).resume();
        setTimeout(() => {
          near.resetAndDestroy();
          far.destroy();
          report();
        }, COMMIT_MS);
        done(null, lost === 'answer' ? chunk : undefined);
      },
    });
    near.pipe(requests).pipe(far);
  };
  const accept = (near: Socket) => {
    const far = connect(Number(target.port), target.hostname);
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    for (const socket of pair) {
      socket.on('error', () => {});
      socket.on('close', () => {
        near.destroy();
        far.destroy();
        pairs.delete(pair);
      });
    }
    (paused ? hold : flow)(pair);
  };
  const listen = async () => {
    server = createServer(accept);
    await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
    port = (server.address() as { port: number }).port;
  };
  await listen();
  t.after(() => {
    server.close();
    drop();
  });
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  return {
    url: url.href,
    listen,
    async refuse() {
      const closed = new Promise((done) => server.close(done));
      drop();
      await closed;
    },
    pause() {
      paused = true;
      for (const pair of pairs) hold(pair);
    },
    resume() {
      paused = false;
      for (const pair of pairs) flow(pair);
    },
    garble() {
      garbled = true;
    },
    forget() {
      paused = false;
    },
    loseCommit: (lost) =>
      new Promise((done) => {
        losing = { lost, done };
      }),
  };
}
