import { connect } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from '../free-port.ts';
import { ownedFolder, type Program, runProgram, startProgram } from './program.ts';

interface ThrowawayServer extends Program {
  url: string;
}

/** A server that can be started from installed programs. */
export interface ServerKind {
  /** What must be installed; the first one is the server. */
  programs: string[];
  debianPackage: string;
  /** @param durable whether a commit waits for the disk, as in production */
  /** @param extra settings as they are on the command line */
  start(folder: string, programs: string[], durable: boolean, extra?: string[]): Promise<ThrowawayServer>;
}

const REFUSED_BY_RULE = '28000';

/** PostgreSQL listens before it takes connections. A refusal by its rules is an answer, too. */
async function takesConnections(connectionString: string): Promise<boolean> {
  const client = new pg.Client({ connectionString });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.end();
    return true;
  } catch (error) {
    return (error as { code?: string }).code === REFUSED_BY_RULE;
  }
}

export const listens = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket.end() !== undefined));
    socket.on('error', () => resolve(false));
  });

const postgres: ServerKind = {
  programs: ['postgres', 'initdb'],
  debianPackage: 'postgresql',
  async start(folder, [server = '', initdb = ''], durable, extra = []) {
    const data = join(ownedFolder(folder), 'data');
    const encoding = ['--encoding=UTF8', '--locale=C'];
    const init = ['--pgdata', data, '--username=latchkey', '--auth=trust', '--no-sync', ...encoding];
    await runProgram(initdb, init, folder);
    const port = await freePort();
    const url = `postgres://latchkey@127.0.0.1:${port}/postgres`;
    const settings = ['listen_addresses=127.0.0.1', `port=${port}`, `unix_socket_directories=${folder}`];
    settings.push('max_connections=400');
    if (!durable)
      settings.push('fsync=off', 'full_page_writes=off', 'synchronous_commit=off', 'autovacuum=off');
    const command = [server, '-D', data, ...settings.flatMap((setting) => ['-c', setting]), ...extra];
    const ready = () => takesConnections(url);
    return { url, ...(await startProgram(command, { signal: 'INT', folder, ready })) };
  },
};

const mariadb: ServerKind = {
  programs: ['mariadbd', 'mariadb-install-db'],
  debianPackage: 'mariadb-server',
  async start(folder, [server = '', install = ''], durable, extra = []) {
    const data = join(ownedFolder(folder), 'data');
    const init = [
      '--no-defaults',
      `--datadir=${data}`,
      `--tmpdir=${folder}`,
      '--auth-root-authentication-method=normal',
    ];
    await runProgram(install, [...init, '--skip-test-db', '--skip-name-resolve'], folder);
    const port = await freePort();
    const url = `mysql://root@127.0.0.1:${port}/mysql`;
    const files = [
      `--datadir=${data}`,
      `--tmpdir=${folder}`,
      `--socket=${folder}/socket`,
      `--pid-file=${folder}/pid`,
    ];
    const options = ['--bind-address=127.0.0.1', `--port=${port}`, '--skip-name-resolve'];
    options.push('--max-connections=600', '--character-set-server=utf8mb4');
    if (!durable) options.push('--innodb-flush-log-at-trx-commit=0', '--innodb-doublewrite=0');
    const command = [server, '--no-defaults', ...files, ...options, ...extra];
    const ready = () => listens(port);
    return { url, ...(await startProgram(command, { signal: 'KILL', folder, ready })) };
  },
};

const redis: ServerKind = {
  programs: ['redis-server'],
  debianPackage: 'redis-server',
  async start(folder, [server = '']) {
    ownedFolder(folder);
    const port = await freePort();
    const options = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'];
    const ready = () => listens(port);
    const program = await startProgram([server, ...options], { signal: 'KILL', folder, ready });
    return { url: `redis://127.0.0.1:${port}`, ...program };
  },
};

export const SERVERS = { postgres, mariadb, redis };
