import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { descriptions } from '../../src/database/documentation/index.ts';
import { UnitOfWork, withUnit } from '../../src/database/unit-of-work.ts';
import { createSecrets } from '../../src/kit/secrets.ts';
import { createStorage } from '../../src/oidc/storage/index.ts';
import { useAll } from '../support/builders/every-feature.ts';
import { payloadOf } from '../support/builders/token-storage.ts';
import { SECRETS } from '../support/databases.ts';
import { engines } from '../support/engines.ts';
import { dump, found } from '../support/rows.ts';
import { startServer, type TestServer } from '../support/server.ts';

const DIGEST = /^[\w-]{43}$/;
const BCRYPT = /^[0-9a-f]{8}:\$2b\$\d\d\$.{53}$/;
const SEALED = /^v1\.[0-9a-f]{8}\.[\w-]{16}\.[\w-]*\.[\w-]{22}$/;

/** Columns whose values look like secrets but give no access. */
const NAMES = ['T_user_sessions.uid', '.session_uid', 'T_auth_audit_log.target'];
/** Columns that nothing writes yet. */
const UNWRITTEN = [
  'T_oauth_client_secrets.secret_sealed',
  'T_authorization_requests.payload',
  'T_upstream_states.state_hash',
  'T_upstream_states.payload_sealed',
];

/** Stores values of the engine's features that are not switched on. */
async function storeTheRest(server: TestServer): Promise<void> {
  const { database, issuer } = server;
  const storage = createStorage({
    secrets: createSecrets(SECRETS),
    config: { issuer, refreshOverlap: 10 },
    clients: { find: async () => undefined },
  });
  const { id } = await database.knex('T_accounts').first('id');
  const unit = new UnitOfWork(database.driver);
  await withUnit(unit, async () => {
    for (const name of [
      'DeviceCode',
      'BackchannelAuthenticationRequest',
      'PushedAuthorizationRequest',
      'ReplayDetection',
      'InitialAccessToken',
    ]) {
      const payload = payloadOf(name, id);
      const jti = `${name}-that-somebody-was-handed-00000000000`;
      await (storage(name) as unknown as { upsert(id: string, payload: unknown): Promise<void> }).upsert(
        jti,
        {
          ...payload,
          ...(name === 'DeviceCode' ? { userCode: 'WXYZ-ABCD', jti } : { jti }),
          // Its user has not answered.
          ...(name.startsWith('Back') ? { grantId: undefined } : {}),
        },
      );
    }
  });
  assert.equal(await unit.commit(), undefined);
}

for (const engine of engines) {
  describe(`how secrets are stored on ${engine}`, () => {
    test('is as docs/DATABASE.md describes, in every row of a database in use', async (t) => {
      const server = await startServer(t, engine, { config: { allowPrivateServices: true } });
      const handed = await useAll(t, server);
      await storeTheRest(server);
      const tables = await dump(server.database);
      assert.deepEqual(found(JSON.stringify(tables), handed), []);

      const secrets = createSecrets(SECRETS);
      const nameOf = (table: string) =>
        Object.keys(descriptions).find((name) => name.toLowerCase() === table.toLowerCase()) ?? '';
      const seen = new Set<string>();
      const connections = await server.database.knex('T_user_providers').select('id', 'account_id');
      const owners = new Map<unknown, string>(connections.map((row) => [row.id, row.account_id]));
      for (const [there, rows] of Object.entries(tables)) {
        const table = nameOf(there);
        const secretColumns = descriptions[table]?.secrets ?? {};
        for (const row of rows) {
          for (const [column, value] of Object.entries(row)) {
            if (typeof value !== 'string') continue;
            const where = `${table}.${column}`;
            const description = secretColumns[column];
            if (description?.member !== undefined) {
              const sealed = JSON.parse(value)[description.member];
              if (sealed === undefined) continue;
              assert.match(sealed, SEALED, where);
              seen.add(where);
              const id = String(table === 'T_user_sessions' ? row.uid : row.id);
              secrets.open(sealed, { table, column, id });
            } else if (description?.stored === 'hashed') {
              assert.match(value, column === 'password_hash' ? BCRYPT : DIGEST, where);
              seen.add(where);
            } else if (description?.stored === 'sealed') {
              assert.match(value, SEALED, where);
              seen.add(where);
              // A credential of another service belongs to one row, one connection and one person.
              const owner = owners.get(row.user_provider_id);
              const id = owner ? `${row.id}/${row.user_provider_id}/${owner}` : String(row.id);
              secrets.open(value, { table, column, id });
              assert.throws(() => secrets.open(value, { table, column, id: `${id}0` }), where);
            } else if (description === undefined && !NAMES.some((name) => where.endsWith(name))) {
              for (const form of [DIGEST, BCRYPT, SEALED])
                assert.doesNotMatch(value, form, `${where} looks like a secret and is not in the table`);
            }
          }
        }
      }
      const expected = Object.entries(descriptions).flatMap(([table, { secrets: own = {} }]) =>
        Object.entries(own)
          .filter(([, { stored }]) => stored !== 'plain')
          .map(([column]) => `${table}.${column}`),
      );
      assert.deepEqual(
        expected.filter((column) => !seen.has(column)).toSorted(),
        UNWRITTEN.toSorted(),
        'documented columns without a value in this test',
      );
    });
  });
}
