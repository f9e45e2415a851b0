import type { Command } from 'commander';
import { OPERATOR } from '../../audit/operator.ts';
import { print } from '../../kit/terminal.ts';
import type { ScopeDescriptions } from './api-scope-descriptions.ts';

interface ScopeArguments {
  json?: boolean;
}

/** `latchkey scope …` */
export function scopeCommands(
  program: Command,
  withScopes: <T>(work: (scopes: ScopeDescriptions) => Promise<T>) => Promise<T>,
): void {
  const scope = program.command('scope').description('describe the scopes of your APIs');
  const json = ['--json', 'print one JSON document'] as const;
  scope
    .command('describe <scope> <description>')
    .description('set what the consent page says about a scope; an empty description removes it')
    .option(...json)
    .action(async (name: string, description: string, args: ScopeArguments) => {
      const input = { scope: name, description };
      print(await withScopes((scopes) => scopes.describe(OPERATOR, input)), args.json);
    });
  scope
    .command('list')
    .description('list the scopes that have a description')
    .option(...json)
    .action(async (args: ScopeArguments) =>
      print(await withScopes((scopes) => scopes.list()), args.json, 'No scopes described.'),
    );
}
