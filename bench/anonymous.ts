import { statSync } from 'node:fs';
import { purge } from '../src/maintenance/purge.ts';
import { anonymousRequests } from '../test/support/builders/anonymous-requests.ts';
import { startServer, type TestServer } from '../test/support/server.ts';

/**
 * `npm run bench:anonymous -- 100000`: sends that many anonymous requests of all kinds from many addresses, and measures
 * how much larger the database is then, and an hour later.
 */
const TOTAL = Number(process.argv[2] ?? 100_000);
const AT_ONCE = 32;
const ADDRESSES = 5000;
const LIMIT_BYTES = 5 * 1024 * 1024;
const HOUR = '-1 hour';

/** An IPv4 address, or one of an IPv6 /64 of its own. */
const addressOf = (index: number) =>
  index % 2 === 0 ? `198.18.${(index >> 8) & 255}.${index & 255}` : `2001:db8:0:${index.toString(16)}::1`;

/** The file with its write-ahead log, and the part of it that holds rows. */
async function measure({ database, storage }: TestServer): Promise<{ file: number; used: number }> {
  const { knex } = database;
  await knex.raw('PRAGMA wal_checkpoint(TRUNCATE)');
  const read = async (name: string) => Number(Object.values((await knex.raw(`PRAGMA ${name}`))[0])[0]);
  const [pages, free, size] = [
    await read('page_count'),
    await read('freelist_count'),
    await read('page_size'),
  ];
  return { file: statSync(storage.url.replace(/^sqlite:/, '')).size, used: (pages - free) * size };
}

/** Does what an hour does: everything that expires is an hour older, and the job that deletes it has run. */
async function passAnHour({ database }: TestServer): Promise<void> {
  for (const table of [
    'T_rate_limits',
    'T_webauthn_challenges',
    'T_authorization_requests',
    'T_account_links',
  ])
    await database.knex(table).update({
      expires_at: database.knex.raw(`strftime('%Y-%m-%d %H:%M:%f', expires_at, '${HOUR}')`),
    });
  // The server purges once a minute.
  for (let minute = 0; minute < 60; minute += 1) await purge(database, { retention: {} });
}

const inMegabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(2)} MB`;

const ends: (() => unknown)[] = [];
const after = (end: unknown) => void ends.push(end as () => unknown);
const server = await startServer({ after }, 'sqlite', { config: { trustProxy: 1 } });
try {
  const client = await server.createClient();
  const { username, email } = await server.createAccount();
  const kinds = anonymousRequests(server, client, { username, email: String(email) });
  const before = await measure(server);
  const report = async (when: string, limit = Number.POSITIVE_INFINITY) => {
    const now = await measure(server);
    const [file, used] = [now.file - before.file, now.used - before.used];
    const missed = used > limit ? 'MISSED' : '';
    process.stdout.write(
      `${when.padEnd(16)} file +${inMegabytes(file)}, rows +${inMegabytes(used)} ${missed}\n`,
    );
  };

  let sent = 0;
  const began = performance.now();
  async function sendAll(): Promise<void> {
    while (sent < TOTAL) {
      const index = sent++;
      // Each kind is sent from each address.
      const address = addressOf(Math.floor(index / kinds.length) % ADDRESSES);
      await kinds[index % kinds.length]?.send(address);
      if (sent % 10_000 === 0) await report(`${sent} requests`);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, sendAll));
  await server.settled();
  const seconds = Math.round((performance.now() - began) / 1000);
  process.stdout.write(`${TOTAL} requests of ${kinds.length} kinds in ${seconds} s\n`);
  await report('at once');
  for (const table of [
    'T_auth_audit_log',
    'T_rate_limits',
    'T_webauthn_challenges',
    'T_authorization_requests',
  ])
    process.stdout.write(`${table}: ${(await server.database.knex(table)).length} rows\n`);
  await passAnHour(server);
  await report('an hour later', LIMIT_BYTES);
} finally {
  for (const end of ends) await end();
}
