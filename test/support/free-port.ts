import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Above it, fetch blocks no port but 10080 (Fetch Standard, "port blocking"). */
const FIRST = 10_100;
const COUNT = 11_000;

const listens = (port: number) =>
  new Promise<boolean>((resolve) => {
    const server = createServer().unref();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });

/**
 * A port of 127.0.0.1 for a process that starts later. It lies below the range from which the system takes
 * the ports of outgoing connections (32768 on Linux, 49152 elsewhere), and this process listens on its twin
 * until it ends, so no connection and no other test takes the port first.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + randomInt(COUNT);
    if (!(await listens(port + COUNT))) continue;
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
