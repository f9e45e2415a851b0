import type { Command } from 'commander';
import { OPERATOR } from '../../audit/operator.ts';
import { readJsonFile } from '../../kit/json-file.ts';
import { collect, print, readSecret } from '../../kit/terminal.ts';
import type { ServiceChange } from './changes.ts';
import type { ConnectionServices } from './service.ts';
import type { Service } from './service-config.ts';
import type { ServiceDocument } from './service-document.ts';

interface ServiceArguments {
  preset?: string;
  baseUrl?: string;
  metadata?: string;
  displayName?: string;
  issuer?: string;
  clientId?: string;
  clientSecretStdin?: boolean;
  clientAuth?: Service['settings']['clientAuth'];
  scope?: string;
  authUrl?: string;
  tokenUrl?: string;
  revokeUrl?: string;
  userinfoUrl?: string;
  apiBaseUrl?: string[];
  rateLimit?: string;
  allowSignIn?: boolean;
  json?: boolean;
}

/** `none` removes a value. */
const orNull = (text: string | undefined) => (text === 'none' ? null : text);

/** `12/60`. The schema refuses what are no numbers. */
function toRateLimit(text: string): { requests: number; seconds: number } | undefined {
  if (text === 'none') return undefined;
  const [requests = '', seconds = ''] = text.split('/');
  return { requests: Number(requests), seconds: Number(seconds) };
}

/** Members without an option are missing, and keep their value. */
async function toServiceChange(args: ServiceArguments): Promise<ServiceChange> {
  const { clientAuth, rateLimit, allowSignIn } = args;
  const settings = {
    ...(clientAuth === undefined ? {} : { clientAuth }),
    ...(rateLimit === undefined ? {} : { rateLimit: toRateLimit(rateLimit) }),
    ...(allowSignIn === undefined ? {} : { maySignIn: allowSignIn }),
  };
  return {
    displayName: args.displayName,
    issuer: orNull(args.issuer),
    clientId: args.clientId,
    clientSecret: args.clientSecretStdin ? await readSecret('client secret') : undefined,
    scopes: args.scope?.split(/[\s,]+/).filter(Boolean),
    authUrl: args.authUrl,
    tokenUrl: args.tokenUrl,
    revokeUrl: orNull(args.revokeUrl),
    userinfoUrl: orNull(args.userinfoUrl),
    apiBaseUrls: args.apiBaseUrl,
    settings,
  };
}

async function toInput(args: ServiceArguments) {
  const { preset, baseUrl } = args;
  const metadata = args.metadata === undefined ? undefined : readJsonFile(args.metadata);
  return { preset, baseUrl, metadata, change: await toServiceChange(args) };
}

const summarize = ({ name, display_name, auth_type, client_id, is_active }: ServiceDocument) => ({
  name,
  display_name,
  auth_type,
  client_id: client_id ?? '',
  state: is_active ? '' : '(disabled)',
});

/** Lines to read: the settings as JSON. */
const toReadable = ({ settings, ...document }: ServiceDocument) => ({
  ...document,
  settings: JSON.stringify(settings),
});

/** `latchkey service …` */
export function serviceCommands(
  program: Command,
  withServices: <T>(work: (services: ConnectionServices) => Promise<T>) => Promise<T>,
): void {
  const noun = program
    .command('service')
    .description('services at which people can connect an account, such as Google');
  const json = ['--json', 'print one JSON document'] as const;
  const withOptions = (command: Command) =>
    command
      .option('--client-id <id>', 'the client that is registered at the service')
      .option('--client-secret-stdin', 'read its secret from standard input')
      .option('--display-name <name>', 'the name that people see')
      .option('--scope <scopes>', 'the scopes that are requested, in the place of those of the preset')
      .option('--issuer <url>', 'its issuer; without endpoints, they are read from what it publishes')
      .option('--auth-url <url>', 'the authorization endpoint')
      .option('--token-url <url>', 'the token endpoint')
      .option('--revoke-url <url>', 'the revocation endpoint (RFC 7009), or none')
      .option('--userinfo-url <url>', 'the userinfo endpoint, or none')
      .option('--api-base-url <url>', 'where credentials may be sent; may be repeated', collect)
      .option('--client-auth <method>', 'client_secret_basic, client_secret_post or none')
      .option('--rate-limit <requests/seconds>', 'for each connection, such as 12/60, or none')
      .option(
        '--allow-sign-in',
        'people can sign in to this server with their account there, once they have linked it',
      )
      .option('--no-allow-sign-in', 'nobody can, from now on; the links are kept')
      .option('--metadata <file>', 'a JSON file with the names of RFC 8414, api_base_urls and settings')
      .option('--preset <name>', 'what is known already, if the service has another name than its preset')
      .option('--base-url <url>', 'in the place of the origin of every URL of the preset')
      .option(...json);
  const show = (document: ServiceDocument, { json: asJson }: ServiceArguments) =>
    print(asJson ? document : toReadable(document), asJson);

  withOptions(noun.command('add <name>'))
    .description('add google, motion, github, microsoft, or another service that you describe')
    .action(async (name: string, args: ServiceArguments) => {
      const input = { name, ...(await toInput(args)) };
      show(await withServices((services) => services.add(OPERATOR, input)), args);
    });

  noun
    .command('list')
    .description('list them')
    .option(...json)
    .action(async (args: ServiceArguments) => {
      const list = await withServices((services) => services.list());
      print(args.json ? list : list.map(summarize), args.json, 'No services added.');
    });

  noun
    .command('show <name>')
    .description('show one, without its secret')
    .option(...json)
    .action(async (name: string, args: ServiceArguments) =>
      show(await withServices((services) => services.show(name)), args),
    );

  withOptions(noun.command('update <name>'))
    .description('change what the options name; a list replaces the earlier one')
    .action(async (name: string, args: ServiceArguments) => {
      const input = await toInput(args);
      show(await withServices((services) => services.update(OPERATOR, name, input)), args);
    });

  const actions = [
    ['disable', 'nobody can connect to it or use it, on every server within a second'],
    ['enable', 'let people connect to it and use it again'],
  ] as const;
  for (const [verb, description] of actions)
    noun
      .command(`${verb} <name>`)
      .description(description)
      .option(...json)
      .action(async (name: string, args: ServiceArguments) =>
        show(await withServices((services) => services[verb](OPERATOR, name)), args),
      );
}
