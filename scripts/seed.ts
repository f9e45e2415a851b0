import { ACCOUNTS, APPLICATION, seed } from '../seeds/development.ts';
import { loadConfig } from '../src/config/index.ts';
import { migrateLatest } from '../src/database/migrate.ts';
import { openDatabase } from '../src/database/open.ts';

/** `npm run seed`: writes development data. Its passwords are public, so it refuses to run in production. */
try {
  const { databaseUrl, production } = loadConfig(process.env);
  const database = openDatabase(databaseUrl);
  try {
    if (!production) await migrateLatest(database, databaseUrl);
    await seed(database.knex);
  } finally {
    await database.close();
  }
  for (const { username, password } of ACCOUNTS)
    process.stdout.write(`account  ${username}  password: ${password}\n`);
  process.stdout.write(`client   ${APPLICATION.id}  secret: ${APPLICATION.secret}\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
