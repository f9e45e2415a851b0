import { openDatabase } from '../../src/database/open.ts';
import { openServices } from './upstream/connected.ts';

/** A process that prints `ready`, refreshes one connection, and prints the version of its credential, or the code of the error. */
const database = openDatabase(process.argv[2] as string, 2);
const { connections } = openServices(database);
process.stdout.write('ready\n');
const outcome = await connections.refresh.getFresh(process.argv[3] as string).then(
  ({ version }) => `version ${version}`,
  (error) => error.code ?? String(error),
);
process.stdout.write(`${outcome}\n`);
await database.close();
