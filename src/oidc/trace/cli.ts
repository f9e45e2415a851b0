import type { Command } from 'commander';
import { LatchkeyError } from '../../kit/errors.ts';
import { print, printError } from '../../kit/terminal.ts';
import { follow } from './follow.ts';
import type { Traces } from './index.ts';
import { storyLines } from './story-lines.ts';
import { describeUnrecorded } from './unrecorded.ts';

interface TraceArguments {
  client?: string;
  account?: string;
  follow?: boolean;
  limit: string;
  json?: boolean;
}

type Reader = Pick<Traces, 'list' | 'listSince'>;

async function list(reader: Reader, args: TraceArguments): Promise<void> {
  const limit = Number(args.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 200)
    throw new LatchkeyError('invalid_input', 'limit_invalid', '--limit is a number from 1 to 200.');
  const { stories, unrecorded } = await reader.list({ clientId: args.client, account: args.account, limit });
  const omitted = describeUnrecorded(unrecorded);
  if (omitted) printError(omitted);
  if (args.json) return print(stories, true);
  const lines = stories
    .toReversed()
    .flatMap((story, index) => (index > 0 ? ['', ...storyLines(story)] : storyLines(story)));
  print(lines, false, 'No attempts in the last day.');
}

/** `latchkey trace` */
export function traceCommand(
  program: Command,
  withTraces: <T>(work: (reader: Reader) => Promise<T>) => Promise<T>,
): void {
  program
    .command('trace')
    .description('say why applications did not connect: each attempt of the last day, step by step')
    .option('--client <id>', 'of this application only, by its client_id')
    .option('--account <username>', 'of this account only')
    .option('--limit <n>', 'the latest so many attempts', '10')
    .option('--follow', 'print new steps as they come, until Ctrl-C')
    .option('--json', 'print one JSON document; with --follow, one for each line')
    .action((args: TraceArguments) =>
      withTraces((reader) =>
        args.follow
          ? follow(reader, { clientId: args.client, account: args.account }, args.json)
          : list(reader, args),
      ),
    );
}
