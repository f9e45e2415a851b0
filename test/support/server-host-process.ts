import { syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';

/**
 * Runs one server after the other for `server-host.ts`. Each message is the environment of the next server, and a message
 * without one stops the server that runs, as SIGTERM does, but keeps the process.
 */
const main = new URL('../../src/main.js', import.meta.url).href;
let starts = 0;

// Collecting all garbage, as each server does once it has loaded the program, takes longer than the rest of the start.
vm.runInNewContext = () => () => {};
syncBuiltinESMExports();

process.argv[1] = fileURLToPath(main);
process.on('disconnect', () => process.exit());
process.on('message', async ({ env }: { env?: Record<string, string> }) => {
  if (!env) {
    await stop();
    process.send?.('stopped');
    return;
  }
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  starts += 1;
  // Another query makes Node.js run the file again. Its imports stay loaded.
  await import(`${main}?${starts}`);
});

async function stop(): Promise<void> {
  const { exit } = process;
  await new Promise<void>((resolve) => {
    process.exit = (() => resolve()) as typeof process.exit;
    process.emit('SIGTERM', 'SIGTERM');
  });
  process.exit = exit;
  // Writes the rest of the log.
  process.emit('exit', 0);
  for (const event of ['exit', 'SIGTERM', 'SIGINT']) process.removeAllListeners(event);
}
