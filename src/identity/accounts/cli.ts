import type { Command } from 'commander';
import type { Actor } from '../../audit/index.ts';
import { refuse } from '../../kit/errors.ts';
import { print, readSecret } from '../../kit/terminal.ts';
import type { Account, Accounts } from './service.ts';

interface Options {
  username?: string;
  email?: string;
  name?: string;
  scope?: string;
  passwordStdin?: boolean;
  json?: boolean;
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

/** `latchkey account …` */
export function accountCommands(
  program: Command,
  use: <T>(work: (services: { accounts: Accounts; invitations: SetUp }) => Promise<T>) => Promise<T>,
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
        refuse('Give the password with --password-stdin, so that it stands in no process list');
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
    .action(async (username: string, options: Options) =>
      print(await use(({ accounts }) => accounts.show(username)), options.json),
    );

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
