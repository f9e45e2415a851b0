import type { Command } from 'commander';
import { OPERATOR } from '../../audit/operator.ts';
import { refuse } from '../../kit/errors.ts';
import { print } from '../../kit/terminal.ts';
import type { UserSession, UserSessions } from './service.ts';

export interface SessionCommands {
  sessions: Pick<UserSessions, 'list' | 'end' | 'endAll' | 'getOwner'>;
  /** @throws LatchkeyError not_found */
  accounts: { show(username: string): Promise<{ id: string }> };
}

interface SessionArguments {
  account?: string;
  json?: boolean;
}

const summary = ({ id, username, browser, place, ip_address, last_used_at }: UserSession) => ({
  id,
  username,
  browser,
  from: place ?? ip_address,
  last_used_at,
});

async function endSessions(
  { sessions, accounts }: SessionCommands,
  id: string | undefined,
  account: string | undefined,
): Promise<number> {
  if (id !== undefined && account === undefined) {
    await sessions.end(OPERATOR, await sessions.getOwner(id), id);
    return 1;
  }
  if (account !== undefined && id === undefined)
    return sessions.endAll(OPERATOR, (await accounts.show(account)).id);
  return refuse('session_missing', 'Name one session by its id, or an account with --account.');
}

/** `latchkey session …` */
export function sessionCommands(
  program: Command,
  withServices: <T>(work: (commands: SessionCommands) => Promise<T>) => Promise<T>,
): void {
  const session = program.command('session').description('list and end the sessions of accounts');
  const addVerb = (name: string, description: string) =>
    session
      .command(name)
      .description(description)
      .option('--account <username>', 'of this account')
      .option('--json', 'print one JSON document');

  addVerb('list', 'list the browsers in which people are signed in').action(
    async ({ account, json }: SessionArguments) => {
      const listed = await withServices(async ({ sessions, accounts }) =>
        sessions.list(account === undefined ? undefined : (await accounts.show(account)).id),
      );
      print(json ? listed : listed.map(summary), json, 'Nobody is signed in.');
    },
  );

  addVerb('end', 'end one session, or all of an account, at once on every server')
    .argument('[id]', 'of the session, from the list')
    .action(async (id: string | undefined, { account, json }: SessionArguments) => {
      const ended = await withServices((commands) => endSessions(commands, id, account));
      print(json ? { ended } : `${ended} ${ended === 1 ? 'session has' : 'sessions have'} ended.`, json);
    });
}
