import { covers } from '../access/scopes.ts';
import { type Config, loadConfig } from '../config/index.ts';
import { migrateLatest, schemaStatus } from '../database/migrate.ts';
import { type Database, openDatabase } from '../database/open.ts';
import { createRoles } from '../identity/accounts/roles.ts';
import { createAccounts } from '../identity/accounts/service.ts';
import type { InviteCommands } from '../identity/invitations/cli.ts';
import { createInvitationMail } from '../identity/invitations/mail.ts';
import { createInvitations } from '../identity/invitations/service.ts';
import { createFactorMail } from '../identity/mail/security-notices.ts';
import { createPost } from '../identity/mail/send.ts';
import type { PasskeyCommands } from '../identity/passkeys/cli.ts';
import { createKeys, type KeyDeps } from '../identity/passkeys/credentials.ts';
import { createPasswords } from '../identity/passwords/hashing.ts';
import { createPasswordRules } from '../identity/passwords/rules.ts';
import { createEnrolment } from '../identity/recovery/passkey-recovery.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { createMailer } from '../kit/mail.ts';
import { createSecrets } from '../kit/secrets.ts';
import { createClients } from '../oidc/clients/service.ts';
import { createMailRenderer } from '../web/render.ts';

/** What the verbs of the command work with. `src/cli.ts` loads this file when a verb runs, so that help stays quick. */

export async function withDatabase<T>(work: (database: Database, config: Config) => Promise<T>): Promise<T> {
  const config = loadConfig(process.env);
  const database = openDatabase(config.databaseUrl, config.databasePool);
  try {
    return await work(database, config);
  } finally {
    await database.close();
  }
}

/**
 * Like the server when it starts: in development it migrates the schema, in production the schema must be current.
 * @throws LatchkeyError conflict
 */
export function withCurrentSchema<T>(work: (database: Database, config: Config) => Promise<T>): Promise<T> {
  return withDatabase(async (database, config) => {
    const { advice } = await schemaStatus(database);
    if (advice) {
      if (config.production)
        throw new LatchkeyError('conflict', 'schema_not_current', `The schema is not current. ${advice}`);
      await migrateLatest(database, config.databaseUrl);
    }
    return work(database, config);
  });
}

export const clientServices = ({ knex }: Database, { issuer }: Config) => createClients({ knex, issuer });

export function accountServices({ knex }: Database, config: Config) {
  const { secrets, threads, issuer, mail, passwordMinLength: minimum } = config;
  const passwords = createPasswords(createSecrets(secrets), threads);
  const mailer = mail.url === undefined ? undefined : createMailer({ url: mail.url, from: mail.from });
  return {
    accounts: createAccounts({ knex, passwords, rules: createPasswordRules({ minimum }) }),
    roles: createRoles({ knex }),
    invitations: createInvitations({ knex, issuer, covers }),
    enrolment: createEnrolment({ knex, issuer, names: new Map(), mailOpens: async () => false }),
    post: createPost({ knex, mailer, render: createMailRenderer({ issuer }) }),
  };
}

export function passkeyServices(database: Database, config: Config): PasskeyCommands {
  const { accounts, post } = accountServices(database, config);
  const { knex } = database;
  const mail = createFactorMail({ knex, issuer: config.issuer, post });
  let told: Promise<void> | undefined;
  const tell: KeyDeps['tell'] = (accountId, what, { name }) => {
    told = mail(accountId, what, name);
  };
  const keys = createKeys({ knex, names: new Map(), tell });
  return {
    list: async (username) => keys.list((await accounts.show(username)).id),
    async remove(id) {
      const key = await keys.remove(await keys.ownerOf(id), id, null);
      await told?.catch(() =>
        process.stderr.write('The key was removed, but its owner could not be told: the mail did not go.\n'),
      );
      return key;
    },
  };
}

export function invitationServices(database: Database, config: Config): InviteCommands {
  const { knex } = database;
  const { accounts, invitations, post } = accountServices(database, config);
  return {
    invitations,
    actorNamed: async (username) => ({ accountId: (await accounts.show(username)).id }),
    send: post.sends ? createInvitationMail({ knex, post, invitations }) : undefined,
  };
}
