import { loadConfig } from './src/config/index.ts';
import { engineOf } from './src/database/engine-of-url.ts';
import { knexConfig } from './src/database/knex.ts';
import { migrationConfig } from './src/database/migrate.ts';

const { databaseUrl } = loadConfig(process.env);

/** For Knex's own command line; `npx latchkey db …` does the same with a lock that a crash frees. */
export default {
  ...knexConfig(databaseUrl),
  migrations: migrationConfig(engineOf(databaseUrl)),
  seeds: { directory: './seeds', loadExtensions: ['.ts', '.js'] },
};
