import { createServices, type Services } from '../../src/app/services.ts';
import { loadConfig } from '../../src/config/index.ts';
import type { Database } from '../../src/database/open.ts';
import { type Accounts, createAccounts } from '../../src/identity/accounts/index.ts';
import { listRedeemedInvitations } from '../../src/identity/invitations/redemption-store.ts';
import * as passwordStore from '../../src/identity/passwords/store.ts';
import { findPendingEmail, voidLinks } from '../../src/identity/recovery/links.ts';
import { createBackground } from '../../src/kit/background.ts';
import { createLog } from '../../src/kit/log.ts';
import { findClient } from '../../src/oidc/clients/store.ts';
import { SECRETS } from './databases.ts';

/** Every service on a database, without a server. */
export function servicesOn(
  database: Database,
  issuer = 'http://127.0.0.1',
  settings: Record<string, string> = {},
): Services {
  const log = createLog('silent');
  const secrets = SECRETS.join(',');
  const env = { LATCHKEY_SECRETS: secrets, LATCHKEY_LOG_LEVEL: 'silent', ...settings };
  const config = { ...loadConfig(env), issuer };
  return createServices({ config, database, log, background: createBackground(log) });
}

/** Accounts without password rules, because every process would have to load their dictionaries. */
export function accountsWithoutRules(services: Services, { knex }: Database): Accounts {
  const { passwords, limits, notify, signOutEverywhere } = services;
  return createAccounts({
    issuer: 'http://127.0.0.1',
    ...passwordStore,
    knex,
    passwords: { hash: passwords.hash, fault: () => undefined },
    findClient,
    findPendingEmail,
    listRedeemedInvitations,
    voidLinks,
    tryAttempt: limits.signIn.tryAttempt,
    notify,
    signOutEverywhere,
    removeAllConnections: services.connections.removeAll,
    findClockFault: async () => undefined,
  });
}
