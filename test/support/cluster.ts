import { accessSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import mysql from 'mysql2/promise';
import { freePort } from './free-port.ts';
import { temporaryFolder } from './throwaway/index.ts';
import { findProgram, ownedFolder, type Program, runProgram, startProgram } from './throwaway/program.ts';

const PROVIDER = '/usr/lib/galera/libgalera_smm.so';
const PROGRAMS = ['mariadbd', 'mariadb-install-db', 'rsync'];

/** @returns the Debian packages to install, or undefined when a cluster can be started */
export function missingForCluster(): string | undefined {
  try {
    accessSync(PROVIDER);
  } catch {
    return 'galera-4';
  }
  return PROGRAMS.every(findProgram) ? undefined : 'mariadb-server rsync';
}

export interface Member extends Program {
  /** Of an administrator's connection. */
  url: string;
}

interface Ports {
  sql: number;
  group: number;
  transfer: number;
  state: number;
}

async function findPorts(): Promise<Ports> {
  const [sql, group, transfer, state] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  return { sql, group, transfer, state };
}

async function isSynced(uri: string): Promise<boolean> {
  try {
    const connection = await mysql.createConnection({ uri });
    const [rows] = await connection.query<mysql.RowDataPacket[]>("SHOW STATUS LIKE 'wsrep_ready'");
    await connection.end();
    return rows[0]?.Value === 'ON';
  } catch {
    return false;
  }
}

async function startMember(folder: string, ports: Ports, peers: Ports[]): Promise<Member> {
  const [server = '', install = ''] = PROGRAMS.map((name) => findProgram(name) ?? '');
  const data = join(ownedFolder(folder), 'data');
  // The folder for temporary files of this process may not be open to the user that the server runs as.
  const init = [
    '--no-defaults',
    `--datadir=${data}`,
    `--tmpdir=${folder}`,
    '--auth-root-authentication-method=normal',
  ];
  await runProgram(install, [...init, '--skip-test-db', '--skip-name-resolve'], folder);
  const group = peers.map((peer) => `127.0.0.1:${peer.group}`).join(',');
  const provider = `gmcast.listen_addr=tcp://127.0.0.1:${ports.group};ist.recv_addr=127.0.0.1:${ports.transfer};gcache.size=16M`;
  const options = [
    `--datadir=${data}`,
    `--socket=${folder}/socket`,
    `--pid-file=${folder}/pid`,
    `--tmpdir=${folder}`,
    `--port=${ports.sql}`,
    '--bind-address=127.0.0.1',
    '--skip-name-resolve',
    '--character-set-server=utf8mb4',
    '--binlog-format=ROW',
    '--innodb-autoinc-lock-mode=2',
    '--innodb-flush-log-at-trx-commit=0',
    '--innodb-buffer-pool-size=64M',
    '--wsrep-on=ON',
    `--wsrep-provider=${PROVIDER}`,
    `--wsrep-cluster-address=gcomm://${group}`,
    `--wsrep-node-address=127.0.0.1:${ports.group}`,
    `--wsrep-provider-options=${provider}`,
    '--wsrep-sst-method=rsync',
    `--wsrep-sst-receive-address=127.0.0.1:${ports.state}`,
  ];
  const url = `mysql://root@127.0.0.1:${ports.sql}/mysql`;
  const ready = () => isSynced(url);
  return {
    url,
    ...(await startProgram([server, '--no-defaults', ...options], { signal: 'KILL', folder, ready })),
  };
}

/** Starts a Galera cluster. The first member begins it, the others join. */
export async function startCluster(t: Pick<TestContext, 'after'>, size: number): Promise<Member[]> {
  const folder = temporaryFolder(true);
  const members: Member[] = [];
  const ports: Ports[] = [];
  t.after(() => Promise.all(members.map((member) => member.stop())));
  for (let index = 0; index < size; index += 1) {
    const own = await findPorts();
    members.push(await startMember(join(folder, `member${index}`), own, ports));
    ports.push(own);
  }
  return members;
}
