import { openDatabase } from '../../src/database/open.ts';
import { servicesOn } from './services.ts';

/** A process that rotates the signing keys over and over until it is killed, and prints a line for each time. Its clock runs fast. */
const database = openDatabase(process.argv[2] as string, 2);
const { signingKeys } = servicesOn(database);
const MINUTES = 2 * 60_000;
for (let now = Number(process.argv[3]); ; now += MINUTES) {
  const kids = await signingKeys.rotate({ accountId: null }, new Date(now));
  process.stdout.write(`${now} ${kids.join(' ')}\n`);
}
