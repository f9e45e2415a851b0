import { Command, CommanderError } from 'commander';
import { covers } from './access/scopes.ts';
import { examine } from './app/doctor.ts';
import { ConfigError, loadConfig } from './config/index.ts';
import { databaseCommands } from './database/cli.ts';
import { migrateLatest, schemaStatus } from './database/migrate.ts';
import { type Database, openDatabase } from './database/open.ts';
import { accountCommands } from './identity/accounts/cli.ts';
import { createRoles } from './identity/accounts/roles.ts';
import { createAccounts } from './identity/accounts/service.ts';
import { inviteCommands } from './identity/invitations/cli.ts';
import { createInvitationMail } from './identity/invitations/mail.ts';
import { createInvitations } from './identity/invitations/service.ts';
import { createFactorMail } from './identity/mail/security-notices.ts';
import { createPost } from './identity/mail/send.ts';
import { passkeyCommands } from './identity/passkeys/cli.ts';
import { createKeys, type KeyDeps } from './identity/passkeys/credentials.ts';
import { createPasswords } from './identity/passwords/hashing.ts';
import { createPasswordRules } from './identity/passwords/rules.ts';
import { createEnrolment } from './identity/recovery/passkey-recovery.ts';
import { LatchkeyError } from './kit/errors.ts';
import { createMailer } from './kit/mail.ts';
import { createSecrets } from './kit/secrets.ts';
import { print } from './kit/terminal.ts';
import { maintenanceCommands } from './maintenance/cli.ts';
import { clientCommands } from './oidc/clients/cli.ts';
import { createClients } from './oidc/clients/service.ts';
import { createMailRenderer } from './web/render.ts';

async function withDatabase<T>(work: (database: Database, url: string) => Promise<T>): Promise<T> {
  const { databaseUrl, databasePool } = loadConfig(process.env);
  const database = openDatabase(databaseUrl, databasePool);
  try {
    return await work(database, databaseUrl);
  } finally {
    await database.close();
  }
}

/** As the server does at its start: in development the schema is brought forward, in production it must be current. */
function withCurrentSchema<T>(work: (database: Database) => Promise<T>): Promise<T> {
  return withDatabase(async (database, url) => {
    const { production } = loadConfig(process.env);
    const { advice } = await schemaStatus(database);
    if (advice) {
      if (production)
        throw new LatchkeyError('conflict', 'schema_not_current', `The schema is not current. ${advice}`);
      await migrateLatest(database, url);
    }
    return work(database);
  });
}

/** The `latchkey` command; each room brings its own sub-commands. */
export function createProgram(): Command {
  const program = new Command('latchkey')
    .description('Latchkey, an OAuth 2.1 and OpenID Connect authorization server')
    .exitOverride();
  const db = databaseCommands(program, withDatabase);
  maintenanceCommands(db, (work) =>
    withCurrentSchema((database) => work(database, loadConfig(process.env).retention)),
  );
  clientCommands(program, (work) =>
    withCurrentSchema(({ knex }) => work(createClients({ knex, issuer: loadConfig(process.env).issuer }))),
  );
  const services = ({ knex }: Database) => {
    const { secrets, threads, issuer, mail, passwordMinLength: minimum } = loadConfig(process.env);
    const passwords = createPasswords(createSecrets(secrets), threads);
    const mailer = mail.url === undefined ? undefined : createMailer({ url: mail.url, from: mail.from });
    return {
      accounts: createAccounts({ knex, passwords, rules: createPasswordRules({ minimum }) }),
      roles: createRoles({ knex }),
      invitations: createInvitations({ knex, issuer, covers }),
      enrolment: createEnrolment({ knex, issuer, names: new Map(), mailOpens: async () => false }),
      post: createPost({ knex, mailer, render: createMailRenderer({ issuer }) }),
    };
  };
  accountCommands(program, (work) => withCurrentSchema((database) => work(services(database))));
  passkeyCommands(program, (work) =>
    withCurrentSchema((database) => {
      const { accounts, post } = services(database);
      const { knex } = database;
      const mail = createFactorMail({ knex, issuer: loadConfig(process.env).issuer, post });
      let told: Promise<void> | undefined;
      const tell: KeyDeps['tell'] = (accountId, what, { name }) => {
        told = mail(accountId, what, name);
      };
      const keys = createKeys({ knex, names: new Map(), tell });
      return work({
        list: async (username) => keys.list((await accounts.show(username)).id),
        async remove(id) {
          const key = await keys.remove(await keys.ownerOf(id), id, null);
          await told?.catch(() =>
            process.stderr.write(
              'The key was removed, but its owner could not be told: the mail did not go.\n',
            ),
          );
          return key;
        },
      });
    }),
  );
  inviteCommands(program, (work) =>
    withCurrentSchema((database) => {
      const { knex } = database;
      const { accounts, invitations, post } = services(database);
      return work({
        invitations,
        actorNamed: async (username) => ({ accountId: (await accounts.show(username)).id }),
        send: post.sends ? createInvitationMail({ knex, post, invitations }) : undefined,
      });
    }),
  );
  program
    .command('doctor')
    .description('what is configured, what is wrong, what to do')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: boolean }) => {
      const findings = await withDatabase((database) => examine(loadConfig(process.env), database));
      const text = findings.map(
        ({ check, ok, says }) => `${ok ? 'ok   ' : 'WRONG'} ${check.padEnd(13)} ${says}`,
      );
      print(json ? findings : text, json);
      if (findings.some(({ ok }) => !ok)) process.exitCode = 1;
    });
  return program;
}

/** Exit 0; 1 with one line on standard error; 2 for wrong usage. */
export async function run(argv: string[]): Promise<void> {
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    const known = error instanceof LatchkeyError || error instanceof ConfigError;
    process.stderr.write(`${known ? error.message : `The command failed: ${(error as Error).message}`}\n`);
    process.exitCode = 1;
  }
}
