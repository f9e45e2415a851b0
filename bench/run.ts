import { parseArgs } from 'node:util';
import { type Actor, actorsOf, flows, signIns } from './flows.ts';
import { closeConnections } from './http.ts';
import { measure, median, type Sample, warmUp } from './measure.ts';
import { type Measured, start, type Variant } from './servers.ts';

const ROUNDS = 9;
/** How often each flow runs on every server before measuring, so that no figure includes compilation. */
const WARM_UP = 3000;
/** How often it runs again right before it is measured: V8 discards code that was unused for a while. */
const WARM_AGAIN = 500;
const SIGN_INS = 20;
/** The most CPU that each variant may use, as a multiple of the bare engine's. */
const LIMITS: Partial<Record<Variant, number>> = { sqlite: 1.35, postgres: 1.8, mariadb: 2.2 };
const SQLITE_REFRESH = 1.6;
const P99_LIMIT = 2;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '9' },
    engines: { type: 'string', default: 'sqlite,postgres,mariadb' },
    flows: { type: 'string', default: Object.keys(flows).join(',') },
  },
});
const seconds = Number(values.seconds) / ROUNDS;
const print = (cells: string[]) =>
  process.stdout.write(
    `${cells.map((cell, index) => (index < 2 ? cell.padEnd(12) : cell.padStart(9))).join(' ')}\n`,
  );

/** Runs the same flow against every server in turn, for several rounds. */
async function rounds(variants: Actor[][], flow: (actor: Actor) => Promise<void>): Promise<Sample[][]> {
  const samples: Sample[][] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const row: Sample[] = [];
    for (const actors of variants) row.push(await measure(actors, flow, seconds));
    samples.push(row);
  }
  return samples;
}

async function flowRows(servers: Measured[], variants: Actor[][]): Promise<void> {
  print(['flow', 'variant', 'CPU ms/op', 'x bare', 'limit', '', 'ops/s', 'p99 ms', 'RSS MB']);
  for (const name of values.flows.split(',')) {
    const flow = flows[name] as (actor: Actor) => Promise<void>;
    for (const actors of variants) await warmUp(actors, flow, WARM_AGAIN);
    const samples = await rounds(variants, flow);
    for (const [index, { variant }] of servers.entries()) {
      const own = samples.map((row) => row[index] as Sample);
      const ratio = median(samples.map((row) => (row[index] as Sample).cpu / (row[0] as Sample).cpu));
      const limit = name === 'refresh' && variant === 'sqlite' ? SQLITE_REFRESH : LIMITS[variant];
      const figure = (key: keyof Sample) => median(own.map((sample) => sample[key]));
      print([
        name,
        variant,
        figure('cpu').toFixed(3),
        ratio.toFixed(2),
        limit?.toFixed(2) ?? '',
        limit === undefined || ratio <= limit ? '' : 'MISSED',
        figure('rate').toFixed(0),
        figure('p99').toFixed(1),
        Math.max(...own.map(({ rss }) => rss)).toFixed(0),
      ]);
    }
  }
}

/** Measures whether sign-ins slow down refreshes: hashing passwords must not take every core. */
async function besideSignIns(actors: Actor[]): Promise<void> {
  const refresh = flows.refresh as (actor: Actor) => Promise<void>;
  const pairs: { quiet: number; busy: number }[] = [];
  const statuses: Record<string, number> = {};
  for (let round = 0; round < 3; round += 1) {
    const quiet = await measure(actors, refresh, Math.max(seconds, 2));
    const people = await signIns((actors[0] as Actor).server, SIGN_INS);
    const busy = await measure(actors, refresh, Math.max(seconds, 4));
    // Sign-ins that still wait for a hash would slow down the next quiet round.
    await people.stop();
    for (const [status, count] of Object.entries(people.statuses))
      statuses[status] = (statuses[status] ?? 0) + count;
    pairs.push({ quiet: quiet.p99, busy: busy.p99 });
  }
  const ratio = median(pairs.map(({ quiet, busy }) => busy / quiet));
  const [quiet, busy] = [median(pairs.map((pair) => pair.quiet)), median(pairs.map((pair) => pair.busy))];
  const counts = Object.entries(statuses).map(([status, count]) => `${status}: ${count}`);
  process.stdout.write(
    `\nrefresh on sqlite, p99: ${quiet.toFixed(1)} ms alone, ${busy.toFixed(1)} ms beside ${SIGN_INS} sign-ins/s, ` +
      `x ${ratio.toFixed(2)} (limit ${P99_LIMIT})${ratio <= P99_LIMIT ? '' : ' MISSED'}; ` +
      `sign-ins answered ${counts.join(', ')}\n`,
  );
}

const servers: Measured[] = [];
try {
  for (const variant of ['bare', 'plain', ...values.engines.split(',')] as Variant[]) {
    const server = await start(variant);
    if (server) servers.push(server);
    else process.stdout.write(`Not measured, because it is not installed: ${variant}.\n`);
  }
  const variants: Actor[][] = [];
  for (const server of servers) variants.push(await actorsOf(server));
  for (const flow of Object.values(flows)) for (const actors of variants) await warmUp(actors, flow, WARM_UP);
  await flowRows(servers, variants);
  const sqlite = variants[servers.findIndex(({ variant }) => variant === 'sqlite')];
  if (sqlite) await besideSignIns(sqlite);
} finally {
  closeConnections();
  for (const server of servers) await server.stop();
}
