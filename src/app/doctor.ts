import type { Config } from '../config/settings.ts';
import { listServiceRows } from '../connections/services/store.ts';
import { countUnreadable, describeUnreadable } from '../connections/vault/sealed-store.ts';
import { findClockFault } from '../database/clock.ts';
import { explainFault } from '../database/connect-faults.ts';
import { describeDatabase } from '../database/engine-of-url.ts';
import { readSchemaStatus } from '../database/migrate.ts';
import type { Database } from '../database/open.ts';
import { describePoolerOrCluster } from '../database/pooler-or-cluster.ts';
import { hasAdministrator } from '../identity/accounts/store.ts';
import { createSecrets } from '../kit/secrets.ts';
import { createMailer } from '../kit/smtp.ts';
import { findWeaknesses, listImplicitApplications } from '../oidc/clients/weaknesses.ts';
import { createSigningKeys } from '../oidc/signing-keys/index.ts';
import { describeHandOuts } from './doctor-handouts.ts';

/** How to get the first administrator. Printed by `doctor`, and at start in production. */
export const SET_UP_ADVICE =
  'For a link that creates the first administrator: npx latchkey account set-up-link';

/** The result of one check, as `latchkey doctor --json` prints it. */
export interface Finding {
  check: string;
  ok: boolean;
  /** A member of the JSON output, so it keeps its name. */
  says: string;
}

/** @param work returns what the check found, or throws an Error that names the fault and the remedy */
async function runCheck(check: string, work: () => Promise<string>): Promise<Finding> {
  try {
    return { check, ok: true, says: await work() };
  } catch (error) {
    return { check, ok: false, says: (error as Error).message };
  }
}

function fail(message: string): never {
  throw new Error(message);
}

async function checkVariables({ unknownVariables }: Config): Promise<string> {
  if (unknownVariables.length === 0) return 'all known';
  return fail(
    `unknown: ${unknownVariables.join(', ')}. Correct the names; .env.example lists all variables.`,
  );
}

async function checkMail({ mail, production }: Config): Promise<string> {
  const { url, from } = mail;
  if (url === undefined)
    return production
      ? 'off, so passwords cannot be reset. Set LATCHKEY_SMTP_URL to send mail.'
      : 'printed to the log (development)';
  const { protocol, host } = new URL(url);
  const server = `${protocol}//${host}`;
  await createMailer({ url, from })
    .verify()
    .catch((error: Error) =>
      fail(`${server} does not accept mail (${error.message}). Correct LATCHKEY_SMTP_URL.`),
    );
  return `${server}, from ${from.address}`;
}

async function countActive({ knex }: Database, table: string): Promise<string> {
  const [row] = await knex(table).where({ is_active: true }).count({ n: '*' });
  return `${row?.n} active`;
}

async function checkAdministrators({ knex }: Database): Promise<string> {
  return (await hasAdministrator(knex))
    ? 'at least one'
    : `nobody administers this server yet. ${SET_UP_ADVICE}`;
}

/** Usernames that are another account's e-mail address. New accounts cannot have one, but older ones keep theirs. */
async function checkUsernames({ knex }: Database): Promise<string> {
  const usernames: string[] = await knex('T_accounts as a')
    .join('T_accounts as b', 'b.email', 'a.username')
    .whereRaw('b.id <> a.id')
    .orderBy('a.username')
    .limit(10)
    .pluck('a.username');
  if (usernames.length === 0) return 'none is the e-mail address of another account';
  return fail(
    `${usernames.join(', ')}: this username is the e-mail address of another account, and applications may take one for the other. Change it: npx latchkey account update USERNAME --username NEW. Or disable the account.`,
  );
}

/** One finding for each point in which an application is weaker than OAuth 2.1. They are the operator's choice, so none is a fault. */
async function checkWeaknesses({ knex }: Database): Promise<Finding[]> {
  const weaknesses = await findWeaknesses(knex);
  const says = weaknesses.length > 0 ? weaknesses : ['no application is weaker than it asks'];
  return says.map((sentence) => ({ check: 'oauth 2.1', ok: true, says: sentence }));
}

/** Names the applications that use no PKCE: a stolen code of theirs works in another browser. */
async function checkPkce({ knex }: Database): Promise<string> {
  const clients: { client_id: string; client_name: string }[] = await knex('T_oauth_clients')
    .where({ is_active: true, pkce: 'off', client_type: 'confidential' })
    .orderBy('id')
    .limit(10)
    .select('client_id', 'client_name');
  if (clients.length === 0) return 'on for every application';
  const names = clients.map(({ client_id, client_name }) => `${client_name} (${client_id})`);
  return `off for ${names.join(', ')}. Prefer: npx latchkey client update CLIENT_ID --pkce or-nonce`;
}

/** Names the applications that get tokens in the address of a browser, or could if the server had the setting. */
async function describeImplicitGrant({ implicitGrant }: Config, { knex }: Database): Promise<string> {
  const names = await listImplicitApplications(knex);
  const users =
    names.length > 0 ? `registered for ${names.join(', ')}` : 'no application is registered for it';
  if (!implicitGrant) return `off; ${users}`;
  return `on (LATCHKEY_IMPLICIT_GRANT), though OAuth 2.1 has removed it; ${users}`;
}

/** Reads the whole SQLite file, which takes about a second for each gigabyte. */
async function checkFile({ knex }: Database): Promise<string> {
  const rows: { quick_check: string }[] = await knex
    .raw('PRAGMA quick_check(3)')
    .catch((error: Error) => [{ quick_check: error.message }]);
  const found = rows.map((row) => row.quick_check).join('. ');
  if (found === 'ok') return 'not damaged';
  return fail(`damaged: ${found.replaceAll('\n', ' ')}. Stop the servers and restore a backup.`);
}

/** Reads all keys, so that one which cannot be decrypted is found before the server starts. */
async function checkSigningKeys({ ttl, secrets }: Config, { knex }: Database): Promise<string> {
  const keys = createSigningKeys({ knex, secrets: createSecrets(secrets), keepFor: ttl.sessionMax });
  const { signing } = await keys.load();
  const old = await keys.findTooOld();
  if (old.length === 0) return signing.map(({ alg }) => alg).join(', ');
  const names = old.map(({ alg, not_before }) => `${alg} since ${not_before.toISOString().slice(0, 10)}`);
  return fail(
    `too old: ${names.join(', ')}. A running server rotates its keys every 90 days. Do it now: npx latchkey signing-key rotate`,
  );
}

async function checkClock(database: Database): Promise<string> {
  const fault = await findClockFault(database);
  return fault ? fail(fault) : "the same as the database's";
}

/** @throws Error when credentials of connections cannot be opened with any of the configured secrets */
async function checkConnections({ secrets }: Config, { knex }: Database): Promise<string> {
  const { all, unreadable } = await countUnreadable(knex, createSecrets(secrets));
  if (unreadable > 0) fail(describeUnreadable(unreadable));
  return `${all} with readable credentials`;
}

/** @throws Error when a client secret cannot be opened with any of the configured secrets */
async function checkServices({ secrets }: Config, { knex }: Database): Promise<string> {
  const { hasKeyOf } = createSecrets(secrets);
  const rows = await listServiceRows(knex);
  const isLost = (sealed: string | null) => sealed !== null && !hasKeyOf(sealed);
  const lost = rows.filter((row) => isLost(row.client_secret_sealed)).map((row) => row.service_name);
  if (lost.length > 0)
    fail(
      `The client secret of ${lost.join(', ')} is sealed with a key that is not in LATCHKEY_SECRETS. Add it again, or set the secret: latchkey service update ${lost[0]} --client-secret-stdin.`,
    );
  return `${rows.length} added`;
}

/** Checks the configuration and what it points to. Writes nothing but missing signing keys. */
export async function runChecks(config: Config, database: Database): Promise<Finding[]> {
  const { issuer, host, port, production, secrets } = config;
  const databaseUrl = describeDatabase(config.databaseUrl);
  const findings = [
    await runCheck('runtime', async () => `Node ${process.versions.node}`),
    await runCheck('home', async () => config.home),
    await runCheck('variables', () => checkVariables(config)),
    await runCheck('issuer', async () => `${issuer}, listening on ${host}:${port}`),
    await runCheck(
      'secrets',
      async () => `${secrets.length} configured${production ? '' : ' (development)'}`,
    ),
    await runCheck('mail', () => checkMail(config)),
    await runCheck('database', async () => {
      await database
        .ping()
        .catch((error) => fail((explainFault(error, config.databaseUrl) as Error).message));
      const fault = await database.findWriteFault();
      if (fault) fail(`Nothing can be written to ${databaseUrl}: ${fault}.`);
      const surroundings = await describePoolerOrCluster(database);
      return `${database.engine} at ${databaseUrl}${surroundings ? `, ${surroundings}` : ''}`;
    }),
  ];
  if (!findings.at(-1)?.ok) return findings;
  if (database.engine === 'sqlite') findings.push(await runCheck('file', () => checkFile(database)));
  else findings.push(await runCheck('clock', () => checkClock(database)));

  const schema = await runCheck('schema', async () => {
    const { advice, unfinished } = await readSchemaStatus(database);
    if (advice === undefined) return 'current';
    if (production || unfinished.length > 0) return fail(advice);
    return fail(`${advice}. In development, starting the server also migrates.`);
  });
  findings.push(schema);
  if (!schema.ok) return findings;

  findings.push(
    await runCheck('signing keys', () => checkSigningKeys(config, database)),
    await runCheck('services', () => checkServices(config, database)),
    await runCheck('connections', () => checkConnections(config, database)),
    await runCheck('hand-outs', () => describeHandOuts(database.knex)),
    await runCheck('accounts', () => countActive(database, 'T_accounts')),
    await runCheck('administrators', () => checkAdministrators(database)),
    await runCheck('usernames', () => checkUsernames(database)),
    await runCheck('applications', () => countActive(database, 'T_oauth_clients')),
    await runCheck('pkce', () => checkPkce(database)),
    await runCheck('implicit grant', () => describeImplicitGrant(config, database)),
    ...(await checkWeaknesses(database)),
  );
  return findings;
}
