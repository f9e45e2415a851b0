import { type Command, Option } from 'commander';
import { OPERATOR } from '../../audit/operator.ts';
import { print, printTable } from '../../kit/terminal.ts';
import { ALGORITHMS, type Algorithm } from './generate.ts';
import type { SigningKey, SigningKeys } from './index.ts';

type KeyCommands = Pick<SigningKeys, 'list' | 'rotate' | 'retire'>;

const toRow = (key: SigningKey) => ({
  kid: key.kid,
  alg: key.alg,
  status: key.status,
  'signs from': key.not_before,
  'retired at': key.retired_at,
  published: key.published ? 'yes' : 'no',
});

/** `latchkey signing-key …` */
export function signingKeyCommands(
  program: Command,
  withKeys: <T>(work: (keys: KeyCommands) => Promise<T>) => Promise<T>,
): void {
  const signingKey = program
    .command('signing-key')
    .description('list, rotate and retire the keys that sign tokens');
  const json = ['--json', 'print one JSON document'] as const;
  async function showAfter(
    change: (keys: KeyCommands) => Promise<unknown>,
    args: { json?: boolean },
  ): Promise<void> {
    const listed = await withKeys(async (keys) => {
      await change(keys);
      return keys.list();
    });
    if (args.json) print(listed, true);
    else printTable(listed.map(toRow), 'No signing keys yet. The server creates them when it starts.');
  }

  signingKey
    .command('list')
    .description('list the keys, with the time from which each signs')
    .option(...json)
    .action((args: { json?: boolean }) => showAfter(async () => {}, args));
  signingKey
    .command('rotate')
    .description('let the next key of each algorithm sign; the servers do so every 90 days')
    .option(...json)
    .addOption(new Option('--alg <algorithm>', 'rotate the key of this algorithm alone').choices(ALGORITHMS))
    .action((args: { json?: boolean; alg?: Algorithm }) =>
      showAfter((keys) => keys.rotate(OPERATOR, undefined, args.alg), args),
    );
  signingKey
    .command('retire <kid>')
    .description('reject a leaked key and what it signed; the next key signs from now on')
    .option(...json)
    .action((kid: string, args: { json?: boolean }) => showAfter((keys) => keys.retire(OPERATOR, kid), args));
}
