import type { Config } from '../config/variables.ts';
import { schemaStatus } from '../database/migrate.ts';
import type { Database } from '../database/open.ts';
import { createMailer } from '../kit/mail.ts';
import { createSecrets } from '../kit/secrets.ts';
import { createSigningKeys } from '../oidc/signing-keys/index.ts';

export interface Finding {
  check: string;
  ok: boolean;
  says: string;
}

async function look(check: string, work: () => Promise<string>): Promise<Finding> {
  try {
    return { check, ok: true, says: await work() };
  } catch (error) {
    return { check, ok: false, says: (error as Error).message };
  }
}

function fail(says: string): never {
  throw new Error(says);
}

/** What is configured, what is wrong, and what to do. Changes nothing but missing signing keys. */
export async function examine(config: Config, database: Database): Promise<Finding[]> {
  const place = config.databaseUrl.replace(/\/\/[^@/]*@/, '//…@');
  const findings = [
    await look('runtime', async () => {
      const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
      if (major < 20 || (major === 20 && minor < 19))
        fail(`Node ${process.versions.node} is too old. Install the current LTS.`);
      return `Node ${process.versions.node}`;
    }),
    await look('variables', async () => {
      const [name] = config.unknownVariables;
      return name
        ? fail(`${name} is not a variable of Latchkey. See .env.example for the names.`)
        : 'all known';
    }),
    await look('issuer', async () => `${config.issuer}, listening on ${config.host}:${config.port}`),
    await look(
      'secrets',
      async () => `${config.secrets.length} in the ring${config.production ? '' : ' (development)'}`,
    ),
    await look('mail', async () => {
      const { url, from } = config.mail;
      if (url === undefined)
        return config.production
          ? 'none is sent, so nobody can set a forgotten password anew. Set LATCHKEY_SMTP_URL to send it.'
          : 'printed to the log (development)';
      const { protocol, host } = new URL(url);
      const place = `${protocol}//${host}`;
      await createMailer({ url, from })
        .verify()
        .catch((error: Error) =>
          fail(`${place} does not take our mail (${error.message}). Correct LATCHKEY_SMTP_URL.`),
        );
      return `${place}, from ${from.address}`;
    }),
    await look('database', async () => {
      await database
        .ping()
        .catch(() => fail(`${place} does not answer. Start it, or correct LATCHKEY_DATABASE_URL.`));
      return `${database.engine} at ${place}`;
    }),
  ];
  if (findings.some(({ check, ok }) => check === 'database' && !ok)) return findings;
  const schema = await look('schema', async () => {
    const { advice } = await schemaStatus(database);
    return advice ? fail(advice) : 'current';
  });
  findings.push(schema);
  if (!schema.ok) return findings;
  findings.push(
    await look('signing keys', async () => {
      const keys = await createSigningKeys({ database, secrets: createSecrets(config.secrets) }).load();
      return keys.map(({ alg }) => alg).join(', ');
    }),
    await look('accounts', async () => {
      const [row] = await database.knex('T_accounts').where({ is_active: true }).count({ n: '*' });
      return `${row?.n} active`;
    }),
    await look('applications', async () => {
      const [row] = await database.knex('T_oauth_clients').where({ is_active: true }).count({ n: '*' });
      return `${row?.n} active`;
    }),
  );
  return findings;
}
