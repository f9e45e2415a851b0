import type { Command } from 'commander';
import { OPERATOR } from '../../audit/operator.ts';
import { print } from '../../kit/terminal.ts';
import type { TrustedIssuerInput, TrustedIssuers } from './trusted-issuers.ts';

interface IssuerArguments {
  jwksUri: string;
  subject?: TrustedIssuerInput['subject'];
  scope: string;
  json?: boolean;
}

/** `latchkey trusted-issuer …` */
export function trustedIssuerCommands(
  program: Command,
  withIssuers: <T>(work: (issuers: TrustedIssuers) => Promise<T>) => Promise<T>,
): void {
  const noun = program
    .command('trusted-issuer')
    .description('servers whose identity assertions give applications access (ID-JAG)');
  const json = ['--json', 'print one JSON document'] as const;

  noun
    .command('add <issuer>')
    .description('accept the identity assertions of a server')
    .requiredOption('--jwks-uri <url>', 'where it publishes its keys')
    .requiredOption('--scope <scopes>', 'the most that it can grant')
    .option('--subject <kind>', 'what finds the account: email (default), or username for its sub')
    .option(...json)
    .action(async (issuer: string, { json: asJson, ...args }: IssuerArguments) =>
      print(await withIssuers((issuers) => issuers.add(OPERATOR, { issuer, ...args })), asJson),
    );

  noun
    .command('list')
    .description('list them')
    .option(...json)
    .action(async ({ json: asJson }: IssuerArguments) => {
      const list = await withIssuers((issuers) => issuers.list());
      const shown = list.map(({ scopes, ...issuer }) => ({ ...issuer, scope: scopes.join(' ') }));
      print(asJson ? list : shown, asJson, 'No issuer is trusted.');
    });

  noun
    .command('remove <issuer>')
    .description('no longer accept its assertions, on every server within a second')
    .option(...json)
    .action(async (issuer: string, { json: asJson }: IssuerArguments) => {
      await withIssuers((issuers) => issuers.remove(OPERATOR, issuer));
      print(asJson ? { removed: issuer } : `${issuer} is no longer trusted.`, asJson);
    });
}
