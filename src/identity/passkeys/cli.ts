import type { Command } from 'commander';
import { confirmLoss, print, YES } from '../../kit/terminal.ts';
import type { Credential } from './store.ts';

export interface PasskeyCommands {
  /** @throws LatchkeyError not_found */
  list(username: string): Promise<Credential[]>;
  /** @throws LatchkeyError not_found */
  get(id: string): Promise<Credential>;
  /** @throws LatchkeyError not_found; conflict when the user could not sign in without it */
  remove(id: string): Promise<Credential>;
}

const summary = ({ id, name, kind, is_signed, last_used_at }: Credential) => ({
  id,
  name,
  kind,
  state: is_signed ? 'signed' : 'not approved',
  last_used: last_used_at ?? 'never',
});

/** `latchkey passkey …` */
export function passkeyCommands(
  program: Command,
  withServices: <T>(work: (commands: PasskeyCommands) => Promise<T>) => Promise<T>,
): void {
  const passkey = program.command('passkey').description('manage passkeys and security keys');
  const json = ['--json', 'print one JSON document'] as const;

  passkey
    .command('list')
    .description('list the passkeys and security keys of an account')
    .requiredOption('--account <username>', 'whose keys to list')
    .option(...json)
    .action(async ({ account, json: asJson }: { account: string; json?: boolean }) => {
      const credentials = await withServices(({ list }) => list(account));
      print(
        asJson ? credentials : credentials.map(summary),
        asJson,
        `${account} has no passkeys or security keys.`,
      );
    });

  passkey
    .command('remove <id>')
    .description('remove a key, unless its owner could not sign in without it')
    .option(...YES)
    .option(...json)
    .action(async (id: string, { yes, json: asJson }: { yes?: boolean; json?: boolean }) => {
      const credential = await withServices(async ({ get, remove }) => {
        const { name } = await get(id);
        const lines = [`This removes the key "${name}". Only its owner can add it again.`];
        // A script has named one key by its id, and cannot lock its owner out.
        if (process.stdin.isTTY)
          await confirmLoss(lines, { expected: name, what: 'the name of the key', yes });
        return remove(id);
      });
      print(asJson ? credential : summary(credential), asJson);
    });
}
