import { parseArgs } from 'node:util';
import { openDatabase } from '../src/database/open.ts';
import { fillMany } from './fill.ts';
import { type Actor, actorsOf, flows } from './flows.ts';
import { closeConnections } from './http.ts';
import { measure, median, type Sample } from './measure.ts';
import { start, type Variant } from './servers.ts';

/**
 * `npm run bench:purge`: measures the flows with and without a purge in the server, in turns, on a database with many
 * expired rows. The limit of the p99 with a purge, as a multiple of that without.
 */
const LIMIT = 1.5;
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    live: { type: 'string', default: '1000000' },
    expired: { type: 'string', default: '5000000' },
    engines: { type: 'string', default: 'sqlite,postgres,mariadb' },
  },
});
const TABLES = [
  'T_access_tokens',
  'T_refresh_tokens',
  'T_authorization_requests',
  'T_authorization_codes',
  'T_user_sessions',
];
const print = (cells: (string | number)[]) =>
  process.stdout.write(
    `${cells.map((one, index) => (index < 2 ? String(one).padEnd(12) : String(one).padStart(11))).join(' ')}\n`,
  );

async function pairs(actors: Actor[], flow: (actor: Actor) => Promise<void>) {
  const { server } = actors[0] as Actor;
  const samples: { quiet: Sample; busy: Sample }[] = [];
  await measure(actors, flow, 1);
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const quiet = await measure(actors, flow, Number(values.seconds));
    server.purge(true);
    const busy = await measure(actors, flow, Number(values.seconds));
    server.purge(false);
    samples.push({ quiet, busy });
  }
  return samples;
}

print(['flow', 'engine', 'p99 ms', 'with purge', 'x', 'limit', 'RSS MB', 'with purge']);
for (const variant of values.engines.split(',') as Variant[]) {
  const server = await start(variant, false);
  if (!server?.url) continue;
  const database = openDatabase(server.url);
  const count = async (table: string, comparison: string, at: Date) =>
    Number((await database.knex(table).where('expires_at', comparison, at).count({ n: '*' }))[0]?.n);
  // The codes of the bench itself expire during the run and are not counted. Rows that outlive the run must remain.
  const before = new Date();
  const after = new Date(Date.now() + 3_600_000);
  try {
    await fillMany(database, { live: Number(values.live), expired: Number(values.expired) });
    const actors = await actorsOf(server);
    let expired = 0;
    const live: Record<string, number> = {};
    for (const table of TABLES) {
      expired += await count(table, '<', before);
      live[table] = await count(table, '>=', after);
    }
    for (const [name, flow] of Object.entries(flows)) {
      const samples = await pairs(actors, flow);
      const of = (kind: 'quiet' | 'busy', key: keyof Sample) => samples.map((one) => one[kind][key]);
      const ratio = median(samples.map(({ quiet, busy }) => busy.p99 / quiet.p99));
      const p99 = [median(of('quiet', 'p99')), median(of('busy', 'p99'))].map((ms) => ms.toFixed(1));
      const rss = [samples[0]?.quiet.rss ?? 0, Math.max(...of('busy', 'rss'))].map((mb) => mb.toFixed(0));
      print([name, variant, ...p99, ratio.toFixed(2), ratio <= LIMIT ? LIMIT : 'MISSED', ...rss]);
    }
    let left = 0;
    for (const table of TABLES) {
      left += await count(table, '<', before);
      const now = await count(table, '>=', after);
      // A refresh only adds rows.
      if (now < Number(live[table]))
        process.stdout.write(`LIVE ROWS MISSING from ${table}: ${live[table]} → ${now}\n`);
    }
    // Every live session and token is used once more; a missing one would throw.
    for (const actor of actors) for (const flow of Object.values(flows)) await flow(actor);
    process.stdout.write(
      `${variant}: ${expired - left} of ${expired} expired rows deleted at the same time; every live row still worked\n`,
    );
  } finally {
    closeConnections();
    await database.close();
    await server.stop();
  }
}
