import { after, before } from 'node:test';
import { startServer, type TestServer } from './server.ts';

/** Starts one server on SQLite for every test of the block that calls it. @returns where the server is once a test runs */
export function shareServer(options: Parameters<typeof startServer>[2] = {}): { server: TestServer } {
  const ends: (() => unknown)[] = [];
  const shared = {} as { server: TestServer };
  before(async () => {
    const t = { after: (end: unknown) => void ends.push(end as () => unknown) };
    shared.server = await startServer(t, 'sqlite', options);
  });
  after(async () => {
    for (const end of ends) await end();
  });
  return shared;
}
