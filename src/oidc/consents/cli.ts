import type { Command } from 'commander';
import { OPERATOR } from '../../audit/operator.ts';
import { refuse } from '../../kit/errors.ts';
import { print } from '../../kit/terminal.ts';
import type { Consents, GrantedAccess } from './service.ts';
import type { ConsentFilter } from './store.ts';

interface GrantArguments {
  account?: string;
  client?: string;
  json?: boolean;
}

export interface GrantCommands {
  consents: Consents;
  /** @throws LatchkeyError not_found */
  accounts: { show(username: string): Promise<{ id: string }> };
  /** @throws LatchkeyError not_found */
  clients: { show(clientId: string): Promise<unknown> };
}

async function readFilter(
  { accounts, clients }: GrantCommands,
  { account, client: clientId }: GrantArguments,
): Promise<ConsentFilter> {
  if (clientId !== undefined) await clients.show(clientId);
  if (account !== undefined) return { accountId: (await accounts.show(account)).id, clientId };
  if (clientId !== undefined) return { clientId };
  return refuse(
    'grant_owner_missing',
    'Name an account with --account, an application with --client, or both.',
  );
}

const resourcesOf = ({ resources }: GrantedAccess) =>
  Object.entries(resources).map(([identifier, scopes]) => `${identifier}: ${scopes.join(' ')}`);

const summary = (access: GrantedAccess) => ({
  username: access.username,
  client_id: access.client_id,
  scope: access.remembered ? access.scope : '(not remembered)',
  resources: resourcesOf(access).join('; '),
  tokens: access.tokens === 1 ? '1 token' : `${access.tokens} tokens`,
  allowed_at: access.allowed_at,
});

/** `latchkey grant …` */
export function grantCommands(
  program: Command,
  withServices: <T>(work: (commands: GrantCommands) => Promise<T>) => Promise<T>,
): void {
  const grant = program
    .command('grant')
    .description('list and withdraw what people have allowed applications');
  const addVerb = (name: string, description: string) =>
    grant
      .command(name)
      .description(description)
      .option('--account <username>', 'of this account')
      .option('--client <client_id>', 'of this application')
      .option('--json', 'print one JSON document');

  addVerb('list', 'list the applications that can act for an account').action(
    async (args: GrantArguments) => {
      const listed = await withServices(async (commands) =>
        commands.consents.list(await readFilter(commands, args)),
      );
      print(args.json ? listed : listed.map(summary), args.json, 'No application has access.');
    },
  );

  addVerb('revoke', 'end the access of applications; people are asked again').action(
    async (args: GrantArguments) => {
      const ended = await withServices(async (commands) =>
        commands.consents.withdraw(OPERATOR, await readFilter(commands, args)),
      );
      const lines = ended.map(({ username, client_id }) => ({ username, client_id }));
      print(args.json ? ended : lines, args.json, 'No application had access.');
    },
  );
}
