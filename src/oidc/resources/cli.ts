import type { Command } from 'commander';
import { OPERATOR } from '../../audit/operator.ts';
import { collect, print } from '../../kit/terminal.ts';
import type { ResourceChange, ResourceInput } from './input.ts';
import type { ResourceDocument, Resources } from './service.ts';

interface ResourceArguments {
  identifier: string;
  name?: string;
  scope: string;
  format?: ResourceInput['format'];
  alg?: ResourceInput['alg'];
  ttl?: string;
  client?: string;
  hostMetadata?: boolean;
  /** False: `--no-authorization-type`. */
  authorizationType?: string[] | false;
  json?: boolean;
}

/** `default` goes back to the server's own setting; the schema refuses what is no number. */
const toSeconds = (text: string | undefined) =>
  text === undefined ? undefined : text === 'default' ? null : Number(text);

/** Members without an option are undefined, and keep their value or default. */
const toChange = ({
  name,
  scope,
  format,
  alg,
  ttl,
  client,
  hostMetadata,
  authorizationType,
}: ResourceArguments): ResourceChange => ({
  name,
  scope,
  format,
  alg,
  ttl: toSeconds(ttl),
  clientId: client === 'none' ? null : client,
  hostsMetadata: hostMetadata,
  authorizationTypes: authorizationType === false ? [] : authorizationType,
});

const summarize = ({ identifier, token_format, scope, is_active }: ResourceDocument) => ({
  identifier,
  token_format,
  scope,
  state: is_active ? '' : '(disabled)',
});

/** `latchkey resource …` */
export function resourceCommands(
  program: Command,
  withResources: <T>(work: (resources: Resources) => Promise<T>) => Promise<T>,
): void {
  const resource = program.command('resource').description('register APIs that tokens are issued for');
  const json = ['--json', 'print one JSON document'] as const;
  const withOptions = (command: Command) =>
    command
      .option('--name <name>', 'the name that people see; by default the identifier')
      .option('--format <format>', 'of its access tokens: opaque (default), or jwt, which cannot be revoked')
      .option('--alg <alg>', 'that signs a jwt: RS256 (default), ES256 or EdDSA')
      .option('--ttl <seconds>', 'the life of its access tokens, or default')
      .option('--host-metadata', 'publish its metadata (RFC 9728), for an API that cannot do that itself')
      .option(
        '--authorization-type <type=words>',
        'a type of authorization details (RFC 9396), and what the consent page says; may be repeated',
        collect,
      )
      .option('--client <client_id>', 'the client of the API, which may introspect its tokens, or none')
      .option(...json);

  withOptions(resource.command('create'))
    .description('register an API')
    .requiredOption('--identifier <uri>', 'what applications send as resource, and the aud of its tokens')
    .requiredOption('--scope <scopes>', 'the scopes that it serves, separated by spaces')
    .action(async (args: ResourceArguments) => {
      const input = { ...toChange(args), identifier: args.identifier, scope: args.scope };
      print(await withResources((resources) => resources.create(OPERATOR, input)), args.json);
    });

  resource
    .command('list')
    .description('list APIs')
    .option(...json)
    .action(async (args: ResourceArguments) => {
      const list = await withResources((resources) => resources.list());
      print(args.json ? list : list.map(summarize), args.json, 'No resources registered.');
    });

  resource
    .command('show <identifier>')
    .description('show an API')
    .option(...json)
    .action(async (identifier: string, args: ResourceArguments) =>
      print(await withResources((resources) => resources.show(identifier)), args.json),
    );

  withOptions(resource.command('update <identifier>'))
    .description('change what the options name')
    .option('--scope <scopes>', 'the scopes that it serves')
    .option('--no-host-metadata')
    .option('--no-authorization-type', 'it has no types any longer')
    .action(async (identifier: string, args: ResourceArguments) =>
      print(
        await withResources((resources) => resources.update(OPERATOR, identifier, toChange(args))),
        args.json,
      ),
    );

  const actions = [
    ['disable', 'end its opaque tokens and issue no new tokens for it, on every server within a second'],
    ['enable', 'issue tokens for it again'],
  ] as const;
  for (const [verb, description] of actions)
    resource
      .command(`${verb} <identifier>`)
      .description(description)
      .option(...json)
      .action(async (identifier: string, args: ResourceArguments) =>
        print(await withResources((resources) => resources[verb](OPERATOR, identifier)), args.json),
      );
}
