import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { Provider } from 'oidc-provider';
import { createApp } from '../../src/app/index.ts';
import type { Services } from '../../src/app/services.ts';
import { loadConfig } from '../../src/config/index.ts';
import type { Config } from '../../src/config/settings.ts';
import { type Database, openDatabase } from '../../src/database/open.ts';
import type { Account } from '../../src/identity/accounts/store.ts';
import { createLog, type Logger } from '../../src/kit/log.ts';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import type { ClientInput } from '../../src/oidc/clients/input.ts';
import type { LogoutDelivery } from '../../src/oidc/logout/deliver.ts';
import { createKeyRefresh } from '../../src/oidc/signing-keys/refresh.ts';
import { createHttpServer } from '../../src/web/http-server.ts';
import { createMigratedDatabase, SECRETS, type TestDatabase } from './databases.ts';
import type { EngineName } from './engines.ts';
import { type Sink, startSink } from './mail-server.ts';
import { accountsWithoutRules } from './services.ts';

export const PASSWORD = 'a quiet harbour at dawn';
/** Import it where a real bcrypt would only take time. */
export const cheapHashes = new URL('./cheap-hashes.js', import.meta.url).href;
const OPERATOR = { accountId: null };

/** A server in this process on its own port, with the services that tests use directly. */
export interface TestServer {
  issuer: string;
  config: Config;
  database: Database;
  storage: TestDatabase;
  provider: Provider;
  /** Every service of the server. */
  services: Services;
  clients: Services['clients'];
  accounts: Services['accounts'];
  invitations: Services['invitations'];
  /** The mail server that receives this server's mail. */
  sink: Sink;
  /** Password resets and passkey recovery, which mail to the same sink. */
  recovery: Services['recovery'];
  /** Resolves when the work that continues after responses is done. */
  settled(): Promise<void>;
  createClient(input?: Partial<ClientInput>): Promise<ClientDocument>;
  createAccount(username?: string, scope?: string): Promise<Account & { password: string }>;
  /** Runs the job of that name, which only the server process runs by itself. */
  writeClientUsage(): Promise<number>;
  /** The same for logout tokens. */
  deliverLogouts: LogoutDelivery;
  /** The same for the signing keys. */
  refreshKeys(now?: Date): Promise<void>;
  stop(): Promise<void>;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Starts a server. A second one on the same database is given the issuer of the first. */
export async function startServer(
  t: Pick<TestContext, 'after'>,
  engine: EngineName,
  options: {
    config?: Partial<Config>;
    storage?: TestDatabase;
    log?: Logger;
    patience?: number;
    /** The host of the issuer, because browsers create no passkeys for an IP address. */
    hostname?: string;
  } = {},
): Promise<TestServer> {
  await import(cheapHashes);
  const storage = options.storage ?? (await createMigratedDatabase(engine));
  const database = openDatabase(storage.url, 5);
  // A client's kept connections must outlive the test: a request that is sent while the server closes its connection,
  // which happens when this process was busy for a second, ends in ECONNRESET.
  let listener: RequestListener = () => {};
  const log = options.log ?? createLog('silent');
  const http = createHttpServer({
    listener: (req, res) => listener(req, res),
    log,
    keepAliveSeconds: 120,
    secure: options.config?.issuer?.startsWith('https:') ?? false,
  });
  const port = await listen(http);
  const issuer = options.config?.issuer ?? `http://${options.hostname ?? '127.0.0.1'}:${port}`;
  const sink = await startSink(t);
  const config: Config = {
    ...loadConfig({
      LATCHKEY_DATABASE_URL: storage.url,
      LATCHKEY_DATABASE_POOL: '5',
      LATCHKEY_SECRETS: SECRETS.join(','),
      LATCHKEY_SMTP_URL: sink.url,
      LATCHKEY_LOG_LEVEL: 'silent',
    }),
    port,
    ...options.config,
    issuer,
  };
  const { provider, services, deliverLogouts, close } = await createApp({ config, database, log });
  listener = provider.callback();
  const { clients, recovery, invitations } = services;
  const accounts = accountsWithoutRules(services, database);
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
    await close(options.patience ?? 5000);
    await database.close();
    if (!options.storage) await storage.drop();
  };
  t.after(stop);
  return {
    issuer,
    config,
    database,
    storage,
    clients,
    accounts,
    sink,
    recovery,
    provider,
    services,
    settled: () => services.background.drain(20_000),
    invitations,
    createClient: (input = {}) =>
      clients.create(OPERATOR, {
        name: 'Fieldnotes',
        redirectUris: ['https://fieldnotes.example/cb'],
        ...input,
      }),
    async createAccount(username = 'ada', scope = 'openid profile email') {
      const account = await accounts.create(OPERATOR, {
        username,
        email: `${username}@harbour.example`,
        scope,
        password: PASSWORD,
      });
      return { ...account, password: PASSWORD };
    },
    refreshKeys: createKeyRefresh(services.signingKeys, provider, log),
    deliverLogouts,
    writeClientUsage: () => services.clientUsage.write(),
    stop,
  };
}
