import { loadConfig } from './src/config.ts';
import { knexConfig } from './src/kit/database.ts';
import { migrationConfig } from './src/kit/migrations.ts';

/** For Knex's own command line; `npx latchkey db …` does the same with a lock that a crash frees. */
export default {
  ...knexConfig(loadConfig(process.env).databaseUrl),
  migrations: migrationConfig,
  seeds: { directory: './seeds', loadExtensions: ['.ts', '.js'] },
};
