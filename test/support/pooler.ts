import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePort } from './free-port.ts';
import { temporaryFolder } from './throwaway/index.ts';
import { findProgram, ownedFolder, startProgram } from './throwaway/program.ts';
import { listens } from './throwaway/servers.ts';

/** Another connection for each transaction: what most operators choose, and what gives clients the least. */
const settings = (upstream: URL, port: number) => `
[databases]
* = host=${upstream.hostname} port=${upstream.port} user=${upstream.username}${upstream.password && ` password=${upstream.password}`}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 5
max_client_conn = 200
`;

export const isPoolerInstalled = () => findProgram('pgbouncer') !== undefined;

/** Starts PgBouncer in front of a database. @returns the database's URL through it */
export async function startPooler(t: Pick<TestContext, 'after'>, databaseUrl: string): Promise<string> {
  const program = findProgram('pgbouncer');
  if (!program) throw new Error('pgbouncer is not installed. On Debian: apt-get install pgbouncer');
  const folder = ownedFolder(join(temporaryFolder(true), 'pgbouncer'));
  const url = new URL(databaseUrl);
  const port = await freePort();
  const file = join(folder, 'pgbouncer.ini');
  writeFileSync(file, settings(url, port));
  const pooler = await startProgram([program, file], { signal: 'KILL', folder, ready: () => listens(port) });
  t.after(() => pooler.stop());
  url.host = `127.0.0.1:${port}`;
  return url.href;
}
