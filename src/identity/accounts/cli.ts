import type { Command } from 'commander';
import type { Actor } from '../../audit/index.ts';
import { refuse } from '../../kit/errors.ts';
import { print, readSecret } from '../../kit/terminal.ts';
import type { Account } from './model.ts';
import type { Profile } from './profile.ts';
import type { Roles } from './roles.ts';
import type { Accounts } from './service.ts';

interface Options {
  username?: string;
  email?: string;
  name?: string;
  scope?: string;
  passwordStdin?: boolean;
  role?: string;
  client?: string;
  json?: boolean;
}

/** The narrow view of the recovery that this command needs. */
interface PasskeyRecoveryLinks {
  link(actor: Actor, username: string): Promise<{ url: string; expires_at: string }>;
}

/** The narrow view of the invitations that this command needs. */
interface SetUp {
  setUpLink(actor: Actor): Promise<{ url: string; expires_at: string }>;
}

const OPERATOR = { accountId: null };

const brief = ({ id, username, email, is_active }: Account) => ({
  id,
  username,
  email,
  state: is_active ? 'active' : 'disabled',
});

const told = ({ roles, invitations, ...account }: Profile) => ({
  ...account,
  roles: roles.map(({ role, client_id }) => (client_id === null ? role : `${role}@${client_id}`)),
  came_by: invitations.map(
    ({ id, invited_by, redeemed_at }) => `${id} (of ${invited_by ?? 'an operator'}, ${redeemed_at})`,
  ),
});

interface Services {
  accounts: Accounts;
  roles: Roles;
  invitations: SetUp;
  passkeyRecovery: PasskeyRecoveryLinks;
}

/** `latchkey account …` */
export function accountCommands(
  program: Command,
  use: <T>(work: (services: Services) => Promise<T>) => Promise<T>,
): void {
  const account = program.command('account').description('the people who sign in');
  const json = ['--json', 'print one JSON document'] as const;

  account
    .command('create')
    .requiredOption('--username <username>')
    .option('--email <address>')
    .option('--name <name>')
    .option('--scope <ceiling>', 'all that a token of this account may carry', 'openid profile email')
    .option('--password-stdin', 'read the password from standard input')
    .option(...json)
    .action(async ({ username, email, name, scope, passwordStdin, json: asJson }: Options) => {
      if (!passwordStdin)
        refuse(
          'password_on_command_line',
          'Give the password with --password-stdin, so that it stands in no process list',
        );
      const password = await readSecret();
      const input = { username: username ?? '', email, name, scope, password };
      print(await use(({ accounts }) => accounts.create(OPERATOR, input)), asJson);
    });

  account
    .command('list')
    .option(...json)
    .action(async (options: Options) => {
      const list = await use(({ accounts }) => accounts.list());
      print(options.json ? list : list.map(brief), options.json);
    });

  account
    .command('show <username>')
    .option(...json)
    .action(async (username: string, options: Options) => {
      const profile = await use(({ accounts }) => accounts.show(username));
      print(options.json ? profile : told(profile), options.json);
    });

  for (const [command, method] of Object.entries({ 'grant-role': 'grant', 'withdraw-role': 'withdraw' })) {
    account
      .command(`${command} <username>`)
      .requiredOption('--role <role>')
      .option('--client <client_id>', 'in that application; without it in every one')
      .option(...json)
      .action(async (username: string, { role = '', client: client_id, json: asJson }: Options) => {
        const act = method as 'grant' | 'withdraw';
        const profile = await use(({ roles }) => roles[act](OPERATOR, { username, role, client_id }));
        print(asJson ? profile : told(profile), asJson);
      });
  }

  account
    .command('recovery-link')
    .description('a link by which a person who lost every key makes a new one, good once and for an hour')
    .requiredOption('--username <username>')
    .option(...json)
    .action(async ({ username = '', json: asJson }: Options) => {
      const { url, expires_at } = await use(({ passkeyRecovery }) =>
        passkeyRecovery.link(OPERATOR, username),
      );
      print(asJson ? { url, expires_at } : url, asJson);
    });

  account
    .command('set-up-link')
    .description('a link that makes the first administrator, good once')
    .option(...json)
    .action(async (options: Options) => {
      const { url, expires_at } = await use(({ invitations }) => invitations.setUpLink(OPERATOR));
      print(options.json ? { url, expires_at } : url, options.json);
    });

  for (const method of ['disable', 'enable', 'delete'] as const) {
    account
      .command(`${method} <username>`)
      .option(...json)
      .action(async (username: string, options: Options) => {
        print(await use(({ accounts }) => accounts[method](OPERATOR, username)), options.json);
      });
  }
}
