import { parseArgs } from 'node:util';
import { useAll } from '../test/support/builders/every-feature.ts';
import { engines } from '../test/support/engines.ts';
import { scansOf, watch } from '../test/support/query-plans.ts';
import { startServer } from '../test/support/server.ts';
import { fillMany } from './fill.ts';
import { hasServer } from './servers.ts';

/**
 * `npm run bench:plans -- [--live 1000000] [--expired 5000000]`: prints each statement of a server that
 * scans a growing table, on a database with that many rows. LATCHKEY_TEST_ENGINES names the engines.
 */
const { values } = parseArgs({
  options: { live: { type: 'string', default: '1000000' }, expired: { type: 'string', default: '5000000' } },
});
/** A planner rightly scans a table of up to this many rows. */
const FEW = 1000;

for (const engine of engines) {
  await hasServer(engine);
  const ends: (() => unknown)[] = [];
  const t = { after: (end: unknown) => void ends.push(end as () => unknown) };
  const server = await startServer(t, engine, { config: { allowPrivateServices: true } });
  try {
    const began = Date.now();
    await fillMany(server.database, { live: Number(values.live), expired: Number(values.expired) });
    const seconds = Math.round((Date.now() - began) / 1000);
    const asked = watch(server.database);
    await useAll(t, server);
    process.stdout.write(`${engine}: filled in ${seconds} s, ${asked.size} statements\n`);
    for (const one of [...asked.values()])
      for (const { step, rows } of await scansOf(server.database, one))
        if (rows === undefined || rows > FEW) process.stdout.write(`  ${step}\n    ${one.sql}\n`);
  } finally {
    for (const end of ends) await end();
  }
}
