import { loadConfig } from './src/config.ts';
import { engineOf, knexConfig } from './src/kit/database.ts';
import { migrationConfig } from './src/kit/migrations.ts';

const { databaseUrl } = loadConfig(process.env);

/** For Knex's own command line; `npx latchkey db …` does the same with a lock that a crash frees. */
export default {
  ...knexConfig(databaseUrl),
  migrations: migrationConfig(engineOf(databaseUrl)),
  seeds: { directory: './seeds', loadExtensions: ['.ts', '.js'] },
};
