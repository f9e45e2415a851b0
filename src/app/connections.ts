import type { Config } from '../config/settings.ts';
import { createConnect } from '../connections/connect/connect.ts';
import { createDisconnect } from '../connections/connect/disconnect.ts';
import { createRevocation } from '../connections/connect/revocation.ts';
import { createStates } from '../connections/connect/states.ts';
import { findUnconnected } from '../connections/connect/unconnected.ts';
import { createUpstream } from '../connections/connect/upstream.ts';
import { listUses } from '../connections/connect/uses.ts';
import { createUseLog } from '../connections/log/index.ts';
import { createApiClient } from '../connections/proxy/api-client.ts';
import { createRefresh } from '../connections/refresh/index.ts';
import { createConnectionReport } from '../connections/report/report.ts';
import { createConnectionServices } from '../connections/services/service.ts';
import { createConnectionSignIn } from '../connections/sign-in/service.ts';
import { createSignInSwitch } from '../connections/sign-in/switch.ts';
import { createSync } from '../connections/sync/index.ts';
import { createChoices } from '../connections/vault/choices.ts';
import { createConnectionUsage, createVault } from '../connections/vault/index.ts';
import type { Database } from '../database/open.ts';
import { assertSignedIn } from '../identity/accounts/sign-out-everywhere.ts';
import { lockAccount } from '../identity/accounts/store.ts';
import type { NoticeDetails, SecurityEvent } from '../identity/mail/security-notices.ts';
import type { Background } from '../kit/background.ts';
import { createGuardedFetch } from '../kit/guarded-fetch.ts';
import type { Logger } from '../kit/log.ts';
import type { Secrets } from '../kit/secrets.ts';
import { canSignInHere } from './can-sign-in-here.ts';

export interface ConnectionsDeps {
  config: Config;
  database: Database;
  secrets: Secrets;
  log: Logger;
  background: Background;
  /** Mails the owner of an account. */
  notify(accountId: string, event: SecurityEvent, about?: NoticeDetails): void;
  /** Mails the owner of a connection that has to be made again. @param service its name on pages */
  notifyBroken(accountId: string, service: string, code: string): void;
}

/** Every service of `connections/`, built once. */
export function createConnections(deps: ConnectionsDeps) {
  const { config, secrets, notify } = deps;
  const { knex, driver } = deps.database;
  const allowPrivate = config.allowPrivateServices;
  const fetch = createGuardedFetch({ allowPrivate });
  const services = createConnectionServices({
    knex,
    driver,
    secrets,
    issuer: config.issuer,
    allowPrivate,
    fetch,
  });
  const vault = createVault({ knex, driver, secrets });
  const refresh = createRefresh({
    knex,
    vault,
    findService: services.find,
    fetch,
    allowPrivate,
    log: deps.log,
    notifyBroken: async ({ accountId, service }, code) => {
      // Nobody awaits this, so a database that fails now must not end the process.
      const found = await services.find(service).catch(() => undefined);
      deps.notifyBroken(accountId, found?.displayName ?? service, code);
    },
  });
  const usage = createConnectionUsage(knex);
  const useLog = createUseLog(knex, deps.log);
  const sync = createSync({
    knex,
    findService: services.find,
    getCredential: refresh.getFresh,
    recordUse: usage.recordUse,
    useLog,
    fetch,
  });
  const report = createConnectionReport(deps.database);
  const upstream = createUpstream({ issuer: config.issuer, fetch, allowPrivate });
  const revocation = createRevocation({
    findService: services.findAny,
    vault,
    upstream,
    background: deps.background,
    log: deps.log,
  });
  const states = createStates(secrets);
  const signIn = createConnectionSignIn({ services, states, upstream });
  const signInSwitch = createSignInSwitch({
    knex,
    listServices: signIn.list,
    assertSignedIn,
    lockAccount,
    canSignInHere,
    notify,
  });
  return {
    report,
    listChoices: createChoices({ listActive: services.listActive, listConnections: vault.list }),
    services,
    vault,
    refresh,
    usage,
    connect: createConnect({ states, upstream, vault, assertSignedIn, notify }),
    disconnect: createDisconnect({
      findService: services.findAny,
      vault,
      revocation,
      prepareRemoval: signInSwitch.prepareRemoval,
      notify,
    }),
    removeAll: revocation.removeAll,
    signIn,
    canSignInHere: (accountId: string) => canSignInHere(knex, accountId),
    signInSwitch,
    findUnconnected: (accountId: string, scopes: string[]) =>
      findUnconnected({ find: services.find, list: vault.list }, accountId, scopes),
    listUses: (filter: Parameters<typeof listUses>[1]) => listUses(knex, filter),
    useLog,
    sync,
    apiClient: createApiClient({ allowPrivate }),
  };
}
