import type { Command } from 'commander';
import { OPERATOR } from '../../audit/operator.ts';
import { print } from '../../kit/terminal.ts';
import type { RegistrationToken, RegistrationTokenInput, RegistrationTokens } from './tokens.ts';

interface TokenArguments extends RegistrationTokenInput {
  json?: boolean;
}

const summarize = ({ id, state, uses, max_uses, description, expires_at }: RegistrationToken) => ({
  id,
  state,
  uses: `${uses}/${max_uses ?? 'any'}`,
  description,
  expires: expires_at ?? 'never',
});

/** `latchkey client registration-token …` @param client the command `latchkey client` */
export function registrationTokenCommands(
  client: Command,
  withTokens: <T>(work: (tokens: RegistrationTokens) => Promise<T>) => Promise<T>,
): void {
  const token = client
    .command('registration-token')
    .description('create, list and revoke tokens with which applications register themselves');
  const json = ['--json', 'print one JSON document'] as const;

  token
    .command('create')
    .description('create a token and print it, this once')
    .option('--description <text>', 'who or what it is for')
    .option('--max-uses <n>', 'how many applications can register with it, 1 to 10000', '1')
    .option('--expires-in <time>', '30m, 24h, 7d, 4w or never', '7d')
    .option(...json)
    .action(async ({ json: asJson, ...input }: TokenArguments) =>
      print(await withTokens((tokens) => tokens.create(OPERATOR, input)), asJson),
    );

  token
    .command('list')
    .description('list tokens, newest first')
    .option(...json)
    .action(async ({ json: asJson }: TokenArguments) => {
      const list = await withTokens((tokens) => tokens.list());
      print(asJson ? list : list.map(summarize), asJson, 'There are no registration tokens.');
    });

  token
    .command('revoke <id>')
    .description('revoke a token; applications that it has registered stay')
    .option(...json)
    .action(async (id: string, { json: asJson }: TokenArguments) =>
      print(await withTokens((tokens) => tokens.revoke(OPERATOR, id)), asJson),
    );
}
