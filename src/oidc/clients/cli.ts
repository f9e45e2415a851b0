import type { Command } from 'commander';
import type { Actor } from '../../audit/index.ts';
import { collect, print } from '../../kit/terminal.ts';
import type { Clients } from './service.ts';

interface Options {
  name?: string;
  redirectUri?: string[];
  postLogoutRedirectUri?: string[];
  public?: boolean;
  firstParty?: boolean;
  displayCode?: boolean;
  scope?: string;
  grantType?: string[];
  requirePkce?: boolean;
  idTokenAlg?: string;
  json?: boolean;
}

const OPERATOR: Actor = { accountId: null };

/** Leaves out what was not given, so that defaults and what is stored stay. */
const given = (input: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));

function brief(document: Record<string, unknown>) {
  const { client_id, client_name, token_endpoint_auth_method, is_active } = document;
  const kind = token_endpoint_auth_method === 'none' ? 'public' : 'confidential';
  return { client_id, kind, state: is_active ? 'active' : 'disabled', client_name };
}

/** `latchkey client …` */
export function clientCommands(
  program: Command,
  use: <T>(work: (clients: Clients) => Promise<T>) => Promise<T>,
): void {
  const client = program.command('client').description('register applications and look after them');
  const json = ['--json', 'print one JSON document'] as const;

  client
    .command('create')
    .description('register an application; its secret is told this once')
    .requiredOption('--name <name>', 'what people read when they are asked')
    .option('--redirect-uri <uri>', 'where it gets its answers; may be repeated', collect)
    .option(
      '--post-logout-redirect-uri <uri>',
      'where people come back to after signing out; may be repeated',
      collect,
    )
    .option('--public', 'it cannot keep a secret (browser, mobile, desktop)')
    .option('--first-party', 'it is ours: people are not asked for consent')
    .option('--display-code', 'it has no redirect URI: its code is shown to be copied')
    .option('--scope <scopes>', 'what it may ask for', 'openid profile email')
    .option(
      '--grant-type <type>',
      'authorization_code, refresh_token, client_credentials; may be repeated',
      collect,
    )
    .option('--no-require-pkce', 'its library cannot do PKCE (confidential only)')
    .option('--id-token-alg <alg>', 'RS256, ES256 or EdDSA')
    .option(...json)
    .action(async (options: Options) => {
      const input = given({
        name: options.name,
        redirectUris: options.redirectUri,
        postLogoutRedirectUris: options.postLogoutRedirectUri,
        public: options.public,
        firstParty: options.firstParty,
        displayCode: options.displayCode,
        scope: options.scope,
        grantTypes: options.grantType,
        requirePkce: options.requirePkce,
        idTokenSignedResponseAlg: options.idTokenAlg,
      });
      print(await use((clients) => clients.create(OPERATOR, input as never)), options.json);
    });

  client
    .command('list')
    .option(...json)
    .action(async (options: Options) => {
      const documents = await use((clients) => clients.list());
      print(options.json ? documents : documents.map(brief), options.json);
    });

  client
    .command('show <client_id>')
    .option(...json)
    .action(async (id: string, options: Options) =>
      print(await use((clients) => clients.show(id)), options.json),
    );

  client
    .command('update <client_id>')
    .description('change what is given; lists are replaced')
    .option('--name <name>')
    .option('--redirect-uri <uri>', 'may be repeated', collect)
    .option('--post-logout-redirect-uri <uri>', 'may be repeated', collect)
    .option('--first-party')
    .option('--no-first-party')
    .option('--scope <scopes>')
    .option('--require-pkce')
    .option('--no-require-pkce')
    .option('--id-token-alg <alg>', 'RS256, ES256 or EdDSA')
    .option(...json)
    .action(async (id: string, options: Options) => {
      const input = given({
        name: options.name,
        redirectUris: options.redirectUri,
        postLogoutRedirectUris: options.postLogoutRedirectUri,
        firstParty: options.firstParty,
        scope: options.scope,
        requirePkce: options.requirePkce,
        idTokenSignedResponseAlg: options.idTokenAlg,
      });
      print(await use((clients) => clients.update(OPERATOR, id, input)), options.json);
    });

  const acts = { disable: 'disable', enable: 'enable', 'rotate-secret': 'rotateSecret' } as const;
  for (const [command, method] of Object.entries(acts)) {
    client
      .command(`${command} <client_id>`)
      .option(...json)
      .action(async (id: string, options: Options) => {
        print(await use((clients) => clients[method](OPERATOR, id)), options.json);
      });
  }
}
