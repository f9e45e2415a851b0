import type { Command } from 'commander';
import type { Actor } from '../../audit/index.ts';
import { OPERATOR } from '../../audit/operator.ts';
import { refuse } from '../../kit/errors.ts';
import { confirmLoss, print, printError, readSecret, YES } from '../../kit/terminal.ts';
import { addDetailOptions, type DetailOptions } from './cli-options.ts';
import type { Accounts } from './index.ts';
import type { Profile } from './read-profile.ts';
import type { Account } from './store.ts';

interface Options extends DetailOptions {
  username?: string;
  email?: string;
  emailVerified?: boolean;
  scope?: string;
  passwordStdin?: boolean;
  role?: string;
  client?: string;
  yes?: boolean;
  json?: boolean;
}

export interface AccountCommands {
  accounts: Accounts;
  recovery: {
    createRecoveryLink(actor: Actor, username: string): Promise<{ url: string; expires_at: string }>;
  };
  invitations: { createSetUpLink(actor: Actor): Promise<{ url: string; expires_at: string }> };
}

const UNCONFIRMED =
  'Warning: The e-mail address is not confirmed, and oauth2-proxy, django-allauth and other applications refuse it. Add --email-verified if you know that it is theirs, or let them confirm it at /account/email.';

const summary = ({ id, username, email, is_active }: Account) => ({
  id,
  username,
  email,
  state: is_active ? 'active' : 'disabled',
});

const details = ({ roles, invitations, ...account }: Profile) => ({
  ...account,
  roles: roles.map(({ role, client_id }) => (client_id === null ? role : `${role}@${client_id}`)),
  invitations: invitations.map(
    ({ id, invited_by, redeemed_at }) => `${id} (from ${invited_by ?? 'an operator'}, ${redeemed_at})`,
  ),
});

/** `latchkey account …` */
export function accountCommands(
  program: Command,
  withServices: <T>(work: (commands: AccountCommands) => Promise<T>) => Promise<T>,
): void {
  const account = program.command('account').description('manage accounts');
  const json = ['--json', 'print one JSON document'] as const;

  addDetailOptions(account.command('create'))
    .description('create an account with a password')
    .requiredOption('--username <username>')
    .option('--email <address>')
    .option('--email-verified', 'you know that its owner reads mail at that address')
    .option('--scope <ceiling>', 'the most that a token of this account may carry', 'openid profile email')
    .option('--password-stdin', 'read the password from standard input')
    .option(...json)
    .action(async ({ passwordStdin, json: asJson, ...options }: Options) => {
      if (!passwordStdin)
        refuse(
          'password_on_command_line',
          'Pass the password on standard input with --password-stdin, so that it does not appear in the list of processes.',
        );
      const password = await readSecret('password');
      const input = { ...options, username: options.username ?? '', password };
      const created = await withServices(({ accounts }) => accounts.create(OPERATOR, input));
      if (created.email !== null && !created.email_verified) printError(UNCONFIRMED);
      print(created, asJson);
    });

  addDetailOptions(account.command('update <username>'))
    .description('change what the options name; an empty text removes a value')
    .option('--username <username>', 'the new username')
    .option('--email <address>', 'unconfirmed, unless --email-verified is added')
    .option('--email-verified', 'you know that its owner reads mail at its address')
    .option('--no-email-verified')
    .option('--no-phone-number-verified')
    .option('--scope <ceiling>', 'the most that a token of this account may carry')
    .option(...json)
    .action(async (name: string, { json: asJson, ...changes }: Options) => {
      const updated = await withServices(({ accounts }) => accounts.update(OPERATOR, name, changes));
      if (changes.email && !updated.email_verified) printError(UNCONFIRMED);
      print(updated, asJson);
    });

  account
    .command('list')
    .description('list all accounts')
    .option(...json)
    .action(async (options: Options) => {
      const list = await withServices(({ accounts }) => accounts.list());
      print(options.json ? list : list.map(summary), options.json, 'There are no accounts.');
    });

  account
    .command('show <username>')
    .description('show an account, its roles and the invitations that it used')
    .option(...json)
    .action(async (username: string, options: Options) => {
      const profile = await withServices(({ accounts }) => accounts.show(username));
      print(options.json ? profile : details(profile), options.json);
    });

  for (const [command, verb] of [
    ['grant-role', 'grant'],
    ['withdraw-role', 'withdraw'],
  ] as const) {
    account
      .command(`${command} <username>`)
      .description(`${verb} a role`)
      .requiredOption('--role <role>')
      .option('--client <client_id>', 'only in this application; without it, in all of them')
      .option(...json)
      .action(async (username: string, { role = '', client: client_id, json: asJson }: Options) => {
        const input = { username, role, client_id };
        const profile = await withServices(({ accounts }) => accounts.roles[verb](OPERATOR, input));
        print(asJson ? profile : details(profile), asJson);
      });
  }

  account
    .command('recovery-link')
    .description('create a link to add a passkey, for people who lost every key; works once, within an hour')
    .requiredOption('--username <username>')
    .option(...json)
    .action(async ({ username = '', json: asJson }: Options) => {
      const link = await withServices(({ recovery }) => recovery.createRecoveryLink(OPERATOR, username));
      print(asJson ? link : link.url, asJson);
    });

  account
    .command('set-up-link')
    .description('create a link to create the first administrator; works once, within a day')
    .option(...json)
    .action(async ({ json: asJson }: Options) => {
      const link = await withServices(({ invitations }) => invitations.createSetUpLink(OPERATOR));
      print(asJson ? link : link.url, asJson);
    });

  for (const [verb, description] of [
    ['disable', 'disable an account, and end its sessions and tokens'],
    ['enable', 'enable a disabled account'],
  ] as const) {
    account
      .command(`${verb} <username>`)
      .description(description)
      .option(...json)
      .action(async (username: string, options: Options) => {
        print(await withServices(({ accounts }) => accounts[verb](OPERATOR, username)), options.json);
      });
  }

  account
    .command('delete <username>')
    .description('delete an account and everything that belongs to it; cannot be undone')
    .option(...YES)
    .option(...json)
    .action(async (username: string, { yes, json: asJson }: Options) => {
      const deleted = await withServices(async ({ accounts }) => {
        const found = await accounts.show(username);
        const lines = [
          `This deletes the account ${found.username}, its credentials, sessions and grants. It cannot be undone; "account disable" can.`,
        ];
        await confirmLoss(lines, { expected: found.username, what: 'the username', yes });
        return accounts.delete(OPERATOR, username);
      });
      print(deleted, asJson);
    });
}
