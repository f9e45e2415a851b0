import { Command, CommanderError } from 'commander';
import { disconnectCommand } from './connections/connect/cli.ts';
import { connectionReportCommand } from './connections/report/cli.ts';
import { serviceCommands } from './connections/services/cli.ts';
import { connectionSyncCommand } from './connections/sync/cli.ts';
import { vaultCommands } from './connections/vault/cli.ts';
import { databaseCommands } from './database/cli.ts';
import { accountCommands } from './identity/accounts/cli.ts';
import { inviteCommands } from './identity/invitations/cli.ts';
import { passkeyCommands } from './identity/passkeys/cli.ts';
import { sessionCommands } from './identity/sessions/cli.ts';
import { ignoreClosedPipes, NOT_CONFIRMED, print, printError, withoutControls } from './kit/terminal.ts';
import { maintenanceCommands } from './maintenance/cli.ts';
import { clientCommands } from './oidc/clients/cli.ts';
import { scopeCommands } from './oidc/clients/scope-cli.ts';
import { grantCommands } from './oidc/consents/cli.ts';
import { trustedIssuerCommands } from './oidc/id-jag/cli.ts';
import { presetCommands } from './oidc/presets/cli.ts';
import { registrationTokenCommands } from './oidc/registration/cli.ts';
import { resourceCommands } from './oidc/resources/cli.ts';
import { signingKeyCommands } from './oidc/signing-keys/cli.ts';
import { traceCommand } from './oidc/trace/cli.ts';

/** Loads most of the program. Only verbs call it, so that help and wrong usage stay fast. */
const load = () => import('./app/command.ts');

/** The `latchkey` command. Each room declares its own sub-commands in its `cli.ts`. */
export function createProgram(): Command {
  const program = new Command('latchkey')
    .description('Latchkey, an OAuth 2.1 and OpenID Connect authorization server')
    .configureOutput({ writeErr: (text) => process.stderr.write(withoutControls(text)) })
    .exitOverride();
  const db = databaseCommands(program, async (work, options) => {
    const { withDatabase } = await load();
    return withDatabase(work, options);
  });
  maintenanceCommands(db, async (work) => {
    const { withCurrentSchema } = await load();
    return withCurrentSchema((database, { retention }) => work(database, retention));
  });
  const client = clientCommands(program, async (work) => {
    const { withServices } = await load();
    return withServices(work);
  });
  registrationTokenCommands(client, async (work) => {
    const { withServices } = await load();
    return withServices(({ registrationTokens }) => work(registrationTokens));
  });
  presetCommands(program, async () => (await load()).loadPresets());
  scopeCommands(program, async (work) => {
    const { withServices } = await load();
    return withServices(({ scopeDescriptions }) => work(scopeDescriptions));
  });
  resourceCommands(program, async (work) => {
    const { withServices } = await load();
    return withServices(({ resources }) => work(resources));
  });
  trustedIssuerCommands(program, async (work) => {
    const { withServices } = await load();
    return withServices(({ trustedIssuers }) => work(trustedIssuers));
  });
  const connection = program
    .command('connection')
    .description('accounts of people that are connected at services');
  vaultCommands(connection, async (work) => {
    const { withServices } = await load();
    return withServices(work);
  });
  disconnectCommand(connection, async (work) => {
    const { withServices } = await load();
    return withServices(work);
  });
  connectionSyncCommand(connection, async (id) => {
    const { withServices } = await load();
    return withServices(async ({ connections: { sync, useLog, usage } }) => {
      const results = await sync.syncNow(id);
      await Promise.all([useLog.write(), usage.write()]);
      return results;
    });
  });
  connectionReportCommand(connection, async () => {
    const { withServices } = await load();
    return withServices(({ connections }) => connections.report());
  });
  serviceCommands(program, async (work) => {
    const { withServices } = await load();
    return withServices(({ connections }) => work(connections.services));
  });
  accountCommands(program, async (work) => {
    const { withServices } = await load();
    return withServices(work);
  });
  sessionCommands(program, async (work) => {
    const { withServices } = await load();
    return withServices(work);
  });
  grantCommands(program, async (work) => {
    const { withServices } = await load();
    return withServices(work);
  });
  signingKeyCommands(program, async (work) => {
    const { withServices } = await load();
    return withServices(({ signingKeys }) => work(signingKeys));
  });
  traceCommand(program, async (work) => {
    const { withServices } = await load();
    return withServices(({ traces }) => work(traces));
  });
  passkeyCommands(program, async (work) => {
    const { passkeyCommandServices, withServices } = await load();
    return withServices((services) => work(passkeyCommandServices(services)));
  });
  inviteCommands(program, async (work) => {
    const { inviteCommandServices, withServices } = await load();
    return withServices((services) => work(inviteCommandServices(services)));
  });
  program
    .command('start')
    .description('start the server')
    .action(async () => void (await import('./main.ts')));
  program
    .command('doctor')
    .description('check the configuration, database, schema, keys and mail server')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: boolean }) => {
      const { withDatabase } = await load();
      const { runChecks } = await import('./app/doctor.ts');
      const findings = await withDatabase((database, config) => runChecks(config, database));
      const text = findings.map(
        ({ check, ok, says }) => `${ok ? 'ok   ' : 'WRONG'} ${check.padEnd(13)} ${says}`,
      );
      print(json ? findings : text, json);
      if (findings.some(({ ok }) => !ok)) process.exitCode = 1;
    });
  return program;
}

/** Errors whose message alone is enough. */
const EXPECTED = ['LatchkeyError', 'ConfigError'];

/** Runs a command. The exit code is 0, or 1 with the error on standard error, or 2 for wrong usage. */
export async function run(argv: string[]): Promise<void> {
  ignoreClosedPipes();
  try {
    await createProgram().parseAsync(argv);
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      process.exitCode = thrown.exitCode === 0 ? 0 : 2;
      return;
    }
    const error = thrown as Error;
    const known = EXPECTED.includes(error.name);
    printError(known ? error.message : `The command failed: ${error.message}`);
    process.exitCode = (error as { code?: string }).code === NOT_CONFIRMED ? 2 : 1;
  }
}
