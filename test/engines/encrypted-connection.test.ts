import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { toUnavailable } from '../../src/database/driver/failures.ts';
import { type Database, openDatabase } from '../../src/database/open.ts';
import { selectOne } from '../../src/database/statement-builders.ts';
import type { LatchkeyError } from '../../src/kit/errors.ts';
import { isOpensslInstalled, makeCertificates, writeTlsOnlyRules } from '../support/certificates.ts';
import { engines, serverUrl } from '../support/engines.ts';
import { isInstalled, startThrowaway, temporaryFolder } from '../support/throwaway/index.ts';

const ONE = selectOne({ columns: '1 AS one' });

/** Whether the connection of Knex is encrypted, as the server sees it. */
async function isEncrypted({ engine, knex }: Database): Promise<boolean> {
  if (engine === 'postgres')
    return (await knex.raw('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).rows[0].ssl;
  const [[row]] = await knex.raw("SHOW STATUS LIKE 'Ssl_cipher'");
  return row.Value !== '';
}

/** Connects with the driver and with Knex. @returns whether both are encrypted @throws when one cannot connect */
async function connect(url: string): Promise<boolean> {
  const database = openDatabase(url, 2);
  try {
    await database.driver.readOne(ONE, {});
    return await isEncrypted(database);
  } finally {
    await database.close();
  }
}

/** Whether a request that meets the error is answered with 503. */
const isOutage = (error: unknown) => (toUnavailable(error) as LatchkeyError).kind === 'unavailable';

/** Neither the driver nor Knex connects. */
async function assertRefused(url: string): Promise<void> {
  const database = openDatabase(url, 2);
  try {
    await assert.rejects(database.driver.readOne(ONE, {}), isOutage, url);
    await assert.rejects(async () => database.knex.raw('SELECT 1'), isOutage, url);
  } finally {
    await database.close();
  }
}

for (const engine of engines.filter((one) => one === 'postgres' || one === 'mariadb')) {
  describe(`a connection to ${engine}`, { skip: !(isOpensslInstalled() && isInstalled(engine)) }, () => {
    const ends: (() => Promise<void>)[] = [];
    after(() => Promise.all(ends.map((end) => end())));

    async function startTlsOnly() {
      const folder = temporaryFolder(true);
      const { ca, cert, key } = await makeCertificates(folder);
      const extra =
        engine === 'postgres'
          ? [
              'ssl=on',
              `ssl_cert_file=${cert}`,
              `ssl_key_file=${key}`,
              `hba_file=${writeTlsOnlyRules(folder)}`,
            ].flatMap((setting) => ['-c', setting])
          : [`--ssl-cert=${cert}`, `--ssl-key=${key}`, '--require-secure-transport=ON'];
      const server = await startThrowaway(engine, folder, { extra });
      ends.push(() => server.stop());
      const named = server.url.replace('127.0.0.1', 'localhost');
      return { ca, address: server.url, named };
    }

    test('is encrypted as sslmode says, and checks the authority and the host', async () => {
      const { ca, address, named } = await startTlsOnly();
      assert.equal(await connect(`${named}?sslmode=require`), true);
      assert.equal(await connect(`${address}?sslmode=verify-ca&sslrootcert=${ca}`), true);
      assert.equal(await connect(`${named}?sslmode=verify-full&sslrootcert=${ca}`), true);
      assert.equal(await connect(`${named}?sslrootcert=${ca}`), true);

      await assertRefused(named);
      await assertRefused(`${named}?sslmode=disable`);
      // The authority is unknown.
      await assertRefused(`${named}?sslmode=verify-full`);
      await assertRefused(`${named}?sslmode=verify-ca`);
      // The certificate is not that of the host.
      if (engine === 'postgres') await assertRefused(`${address}?sslmode=verify-full&sslrootcert=${ca}`);
    });

    test('is refused where TLS is asked for and the server has none', async () => {
      const plain = serverUrl(engine).href;
      assert.equal(await connect(plain), false);
      for (const mode of ['require', 'verify-full']) await assertRefused(`${plain}?sslmode=${mode}`);
    });
  });
}
