import { APPLICATION, PEOPLE, seedDevelopment } from '../seeds/development.ts';
import { loadConfig } from '../src/config.ts';
import { createPasswords } from '../src/identity/passwords/index.ts';
import { openDatabase } from '../src/kit/database.ts';
import { migrateLatest } from '../src/kit/migrations.ts';
import { createSecrets } from '../src/kit/secrets.ts';

/** `npm run seed`: development data with passwords that anybody can read; never in production. */
if (process.env.NODE_ENV === 'production') {
  process.stderr.write('The seeds are for development: their passwords are public. Nothing was written.\n');
  process.exit(1);
}
const { databaseUrl, secrets } = loadConfig(process.env);
const database = openDatabase(databaseUrl);
await migrateLatest(database, databaseUrl);
await seedDevelopment(database.knex, createPasswords(createSecrets(secrets)), 'http://localhost:4000');
await database.close();
for (const { username, password } of PEOPLE)
  process.stdout.write(`account  ${username}  password: ${password}\n`);
process.stdout.write(`client   ${APPLICATION.id}  secret: ${APPLICATION.secret}\n`);
