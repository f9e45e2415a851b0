import { loadConfig } from '../config/index.ts';
import type { Config } from '../config/settings.ts';
import { explainFault } from '../database/connect-faults.ts';
import { migrateLatest, readSchemaStatus, requireDatabase } from '../database/migrate.ts';
import { type Database, openDatabase } from '../database/open.ts';
import { restrictFiles } from '../database/sqlite-files.ts';
import type { InviteCommands } from '../identity/invitations/cli.ts';
import type { PasskeyCommands } from '../identity/passkeys/cli.ts';
import type { Background } from '../kit/background.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { createLog } from '../kit/log.ts';
import { printError } from '../kit/terminal.ts';
import { createPresets } from '../oidc/presets/library.ts';
import type { Services } from './services.ts';

/** What the verbs of the command work with. `src/cli.ts` loads this file when a verb runs, so that help stays quick. */

/** @param options `mayCreate`: the verb creates a missing SQLite database in production, too */
export async function withDatabase<T>(
  work: (database: Database, config: Config) => Promise<T>,
  options: { mayCreate?: boolean } = {},
): Promise<T> {
  const config = loadConfig();
  for (const notice of [...config.notices, ...restrictFiles(config.databaseUrl)]) printError(notice);
  if (config.production && !options.mayCreate) await requireDatabase(config.databaseUrl);
  let database: Database | undefined;
  try {
    database = openDatabase(config.databaseUrl, config.databasePool);
    return await work(database, config);
  } catch (error) {
    throw explainFault(error, config.databaseUrl);
  } finally {
    await database?.close();
  }
}

/**
 * Like the server when it starts: in development it migrates the schema, in production the schema must be current.
 * @throws LatchkeyError conflict
 */
export function withCurrentSchema<T>(work: (database: Database, config: Config) => Promise<T>): Promise<T> {
  return withDatabase(async (database, config) => {
    const { advice } = await readSchemaStatus(database);
    // Undefined when the schema is current.
    if (advice !== undefined) {
      if (config.production)
        throw new LatchkeyError('conflict', 'schema_not_current', `The schema is not current. ${advice}`);
      await migrateLatest(database, config.databaseUrl);
    }
    return work(database, config);
  });
}

/** A command answers nobody before it ends, so it sends mail at once and waits for it. */
function createForeground(): Background {
  const running: Promise<unknown>[] = [];
  const run: Background['run'] = (_name, work) => {
    running.push(
      work().catch((error: Error) => {
        printError(`The change was made, but no mail about it was sent: ${error.message}`);
      }),
    );
  };
  return {
    run,
    runMail: run,
    async drain() {
      await Promise.all(running);
    },
  };
}

/** Reads the presets, ours and the operator's. Needs no database. */
export const loadPresets = () => createPresets(loadConfig().presets);

/** Runs a verb with the services of the server. Loads them at this moment: the verbs of `db` do without. */
export function withServices<T>(work: (services: Services) => Promise<T>): Promise<T> {
  return withCurrentSchema(async (database, config) => {
    const { createServices } = await import('./services.ts');
    const background = createForeground();
    const services = createServices({
      database,
      background,
      log: createLog(config.logLevel),
      // A command is limited by no rate, so it connects to no Redis.
      config: { ...config, redisUrl: undefined },
    });
    try {
      return await work(services);
    } finally {
      await background.drain(0);
    }
  });
}

/** What `latchkey passkey` needs of the services. */
export function passkeyCommandServices({ accounts, passkeys }: Services): PasskeyCommands {
  const { credentials } = passkeys;
  return {
    list: async (username) => credentials.list((await accounts.show(username)).id),
    // A key is looked up among those of its owner, whose list says which of them can sign in.
    async get(id) {
      const owned = await credentials.list(await credentials.getOwner(id));
      const credential = owned.find((one) => one.id === id);
      if (!credential) throw new LatchkeyError('not_found', 'passkey_not_found', `There is no key ${id}.`);
      return credential;
    },
    // Null: the operator removes it, not an account.
    remove: async (id) => credentials.remove(await credentials.getOwner(id), id, null),
  };
}

export function inviteCommandServices({ accounts, invitations, recovery }: Services): InviteCommands {
  return {
    invitations,
    getActor: async (username) => ({ accountId: (await accounts.show(username)).id }),
    send: recovery.sendsMail ? invitations.mailInvitation : undefined,
  };
}
