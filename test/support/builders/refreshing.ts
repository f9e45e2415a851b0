import type { TestContext } from 'node:test';
import { type Database, openDatabase } from '../../../src/database/open.ts';
import { uuidv7 } from '../../../src/kit/ids.ts';
import { createMigratedDatabase } from '../databases.ts';
import type { EngineName } from '../engines.ts';
import { fill } from '../rows.ts';
import { addGoogle, openServices } from '../upstream/connected.ts';
import { startGoogle } from '../upstream/google.ts';

/** A database with the stand-in for Google as a service, an account, and two servers' worth of services. */
export async function openRefreshing(t: TestContext, engine: EngineName) {
  const { url, drop } = await createMigratedDatabase(engine);
  const databases = [openDatabase(url, 5), openDatabase(url, 5)] as [Database, Database];
  t.after(async () => {
    for (const database of databases) await database.close();
    await drop();
  });
  const google = await startGoogle(t);
  const [first, second] = [openServices(databases[0]), openServices(databases[1])];
  const account = { id: uuidv7() };
  await fill(databases[0], 'T_accounts', { ...account, is_active: true });
  await addGoogle(first, google);
  return {
    url,
    google,
    account,
    knex: databases[0].knex,
    databases,
    first: first.connections,
    second: second.connections,
  };
}
