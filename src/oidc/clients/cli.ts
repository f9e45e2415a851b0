import type { Command } from 'commander';
import { OPERATOR } from '../../audit/operator.ts';
import { collect, print } from '../../kit/terminal.ts';
import { checkInstructions, toInstructions, toRegistration } from '../presets/fill.ts';
import type { Presets } from '../presets/library.ts';
import { type ClientArguments, toChange, toInput, toOptions } from './cli-arguments.ts';
import { addOptions } from './cli-options.ts';
import {
  describeFinding,
  describeRefusal,
  printDocument,
  printEndpoints,
  printInstructions,
  summarize,
  toReadable,
} from './cli-output.ts';
import type { Clients } from './service.ts';
import type { Refusal } from './store.ts';

async function create({ clients, presets }: ClientServices, args: ClientArguments): Promise<void> {
  const preset = args.preset === undefined ? undefined : presets.get(args.preset);
  const place = { url: args.url, options: toOptions(args.set) };
  const registration = preset && toRegistration(preset, place);
  const input = await toInput(args, registration);
  if (preset) checkInstructions(preset, place, input, clients.endpoints);
  const document = await clients.create(OPERATOR, input);
  const { endpoints } = clients;
  const instructions = preset && toInstructions(preset, place, document, endpoints);
  if (args.json) return printDocument({ ...document, endpoints, ...instructions }, true);
  printDocument(document, false);
  if (instructions) printInstructions(instructions);
  else printEndpoints(document, endpoints);
}

export interface ClientServices {
  clients: Clients;
  presets: Presets;
}

/** `latchkey client …` @returns the command, to which other rooms add theirs */
export function clientCommands(
  program: Command,
  withServices: <T>(work: (services: ClientServices) => Promise<T>) => Promise<T>,
): Command {
  const withClients = <T>(work: (clients: Clients) => Promise<T>) =>
    withServices(({ clients }) => work(clients));
  const client = program.command('client').description('register and manage applications');
  const json = ['--json', 'print one JSON document'] as const;
  addOptions(client.command('create'))
    .description('register an application and print its secret, which cannot be shown again')
    .option('--name <name>', 'the name that people see; required without a preset or metadata')
    .option('--preset <name>', 'what is known about that application: latchkey preset list')
    .option('--url <url>', 'the address of the application, for its preset')
    .option('--set <name=value>', 'an option of the preset; may be repeated', collect)
    .option(
      '--client-id <id>',
      'the client_id, if an application needs a certain one; by default it is generated',
    )
    .option('--public', 'the application cannot keep a secret (browser, mobile, desktop)')
    .option('--display-code', 'the application has no redirect URI: the code is shown, to be copied')
    .action(async (args: ClientArguments, command: Command) => {
      if (args.preset !== undefined && args.metadata !== undefined)
        command.error('error: --preset and --metadata cannot be combined');
      if (args.name === undefined && args.preset === undefined && args.metadata === undefined)
        command.error("error: required option '--name <name>' not specified");
      if (args.preset === undefined && (args.url !== undefined || args.set !== undefined))
        command.error('error: --url and --set belong to a preset. Add --preset, or use --redirect-uri');
      await withServices((services) => create(services, args));
    });

  client
    .command('list')
    .description('list applications')
    .option(...json)
    .action(async (args: ClientArguments) => {
      const documents = await withClients((clients) => clients.list());
      if (args.json) return print(documents, true);
      print(documents.map(summarize), false, 'No applications registered.');
    });

  client
    .command('show <client_id>')
    .description('show an application, and its last refused request')
    .option(...json)
    .action(async (clientId: string, args: ClientArguments) => {
      await withClients(async (clients) => {
        const { last_refused, ...document } = await clients.show(clientId);
        const { endpoints } = clients;
        if (args.json) return print({ ...document, last_refused, endpoints }, true);
        const refused = last_refused ? describeRefusal(last_refused as Refusal) : 'never';
        print({ ...toReadable(document), 'last refused': refused }, false);
        printEndpoints(document, endpoints);
      });
    });

  client
    .command('test <client_id>')
    .description('walk the first steps of a sign-in as the application would, and say what fails')
    .option(...json)
    .action(async (clientId: string, args: ClientArguments) => {
      const findings = await withClients(async (clients) => {
        const { testConnection } = await import('./connection-test.ts');
        return testConnection(await clients.show(clientId), clients.endpoints);
      });
      print(args.json ? findings : findings.map(describeFinding), args.json);
      if (findings.some(({ ok }) => !ok)) process.exitCode = 1;
    });

  addOptions(client.command('update <client_id>'))
    .description('change what the options name; a list replaces the earlier one')
    .option('--name <name>')
    .option('--public', 'it becomes public, and its secrets stop working')
    .option('--confidential', 'it becomes confidential, and its secret is printed')
    .option('--no-first-party')
    .option('--no-require-par')
    .option('--no-require-dpop')
    .option('--no-require-signed-request')
    .option('--no-assertion-audience', 'it may get identity assertions for no server')
    .option('--no-exchange-resource', 'it may exchange tokens for no resource')
    .option('--no-hand-out', 'it is given the tokens of no service')
    .option('--no-authorization-type', 'it may use each type that a user allows again, and none by itself')
    .option('--no-require-mtls')
    .option('--no-request-uri', 'its requests are read at no address')
    .option('--no-response-mode', 'it may use any response mode again')
    .option('--no-fapi', 'it keeps what it got with --fapi, but may change it')
    .option('--no-claim', 'it gets only the claims of its scopes again')
    .option('--no-resource-server')
    .action(async (clientId: string, args: ClientArguments) => {
      const changes = await toChange(clientId, args);
      printDocument(await withClients((clients) => clients.update(OPERATOR, clientId, changes)), args.json);
    });

  const actions = [
    ['disable', 'disable', 'refuse its requests and tokens on every server, within a second'],
    ['enable', 'enable', 'accept a disabled application again'],
    ['rotate-secret', 'rotateSecret', 'add a secret; the latest earlier one stays valid beside it'],
  ] as const;
  for (const [command, method, description] of actions) {
    client
      .command(`${command} <client_id>`)
      .description(description)
      .option(...json)
      .action(async (clientId: string, args: ClientArguments) => {
        const document = await withClients((clients) => clients[method](OPERATOR, clientId));
        print(args.json ? document : toReadable(document), args.json);
      });
  }
  return client;
}
