import type { Command } from 'commander';
import { print } from '../../kit/terminal.ts';
import type { Key } from './credentials.ts';

/** What these commands need of the room. */
export interface PasskeyCommands {
  /** @throws LatchkeyError not_found */
  list(username: string): Promise<Key[]>;
  /** By the key's id alone. @throws LatchkeyError not_found, conflict for the last way in */
  remove(id: string): Promise<Key>;
}

const brief = ({ id, name, kind, is_signed, last_used_at }: Key) => ({
  id,
  name,
  kind,
  state: is_signed ? 'signed' : 'not vouched for',
  last_used: last_used_at ?? 'never',
});

/** `latchkey passkey …` */
export function passkeyCommands(
  program: Command,
  use: <T>(work: (commands: PasskeyCommands) => Promise<T>) => Promise<T>,
): void {
  const passkey = program.command('passkey').description('the passkeys and security keys of people');
  const json = ['--json', 'print one JSON document'] as const;

  passkey
    .command('list')
    .requiredOption('--account <username>', 'whose keys')
    .option(...json)
    .action(async ({ account, json: asJson }: { account: string; json?: boolean }) => {
      const keys = await use(({ list }) => list(account));
      print(asJson ? keys : keys.map(brief), asJson);
    });

  passkey
    .command('remove <id>')
    .description('a key opens nothing any more; the last way in stays')
    .option(...json)
    .action(async (id: string, { json: asJson }: { json?: boolean }) => {
      const key = await use(({ remove }) => remove(id));
      print(asJson ? key : brief(key), asJson);
    });
}
