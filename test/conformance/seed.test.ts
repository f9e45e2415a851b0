import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { seedConformance } from '../../seeds/conformance.ts';
import type { SuiteConfiguration } from '../../seeds/suite-configuration.ts';
import { openDatabase } from '../../src/database/open.ts';
import { digest } from '../../src/kit/ids.ts';
import { projectPath } from '../../src/kit/project-root.ts';
import { CALLBACK } from '../support/builders/conformance.ts';
import { childEnvironment } from '../support/child-environment.ts';
import { createMigratedDatabase, SECRETS } from '../support/databases.ts';
import { servicesOn } from '../support/services.ts';

test('npm run conformance:seed prints what to paste into the suite, and another time renews passwords and secrets', async (t) => {
  const { url, drop } = await createMigratedDatabase('sqlite');
  const database = openDatabase(url);
  t.after(async () => {
    await database.close();
    await drop();
  });
  const env = childEnvironment({
    LATCHKEY_DATABASE_URL: url,
    LATCHKEY_SECRETS: SECRETS.join(','),
    LATCHKEY_ISSUER: 'http://localhost:3000',
    LATCHKEY_TRUST_PROXY: 'true',
    LATCHKEY_CLIENT_CERT_HEADER: 'x-client-cert',
  });
  const script = projectPath('dist/scripts/conformance-seed.js');
  const { stdout } = await promisify(execFile)(process.execPath, [script], { env });
  const { oidcc: first, fapi2, ciba, dynamic } = JSON.parse(stdout) as Record<string, SuiteConfiguration>;
  assert.ok(first && fapi2 && ciba && dynamic);
  assert.equal(first.server.discoveryUrl, 'http://localhost:3000/.well-known/openid-configuration');
  const { initial_access_token: token } = dynamic.client as unknown as { initial_access_token: string };
  const hashes = await database.knex('T_registration_tokens').pluck('token_hash');
  assert.deepEqual(hashes, [digest(token)]);
  const services = servicesOn(database, 'http://localhost:3000');
  const second = await seedConformance({ ...services, issuer: 'http://localhost:3000' });
  assert.equal(second.configuration.client.client_id, first.client.client_id);
  assert.notEqual(second.configuration.client.client_secret, first.client.client_secret);
  const registered = await services.clients.show(first.client.client_id);
  assert.deepEqual(registered.redirect_uris, [CALLBACK, `${CALLBACK}?dummy1=lorem&dummy2=ipsum`]);
  const fapi = await services.clients.show('conformance-fapi');
  assert.deepEqual(
    [fapi.fapi, fapi.pkce, fapi.token_endpoint_auth_method],
    [true, 'always', 'private_key_jwt'],
  );
  // The services here see no certificates, so only the command has made the clients of CIBA.
  assert.deepEqual([second.mtlsConfiguration, second.cibaConfiguration], [undefined, undefined]);
  const till = await services.clients.show('conformance-ciba');
  assert.deepEqual(
    [till.fapi, till.tls_client_certificate_bound_access_tokens, till.grant_types],
    [true, true, ['urn:openid:params:grant-type:ciba', 'refresh_token']],
  );
  const [key] = second.fapiConfiguration.client.jwks.keys;
  assert.ok(key && 'd' in key, 'the suite signs with the private key');
  const [registeredKey] = (fapi.jwks as { keys: Record<string, unknown>[] }).keys;
  assert.deepEqual([registeredKey?.kid, registeredKey?.d], [key.kid, undefined]);
  assert.deepEqual((await database.knex('T_accounts').pluck('username')).sort(), [
    'conformance',
    'conformance-denies',
  ]);
  assert.equal(
    (await database.knex('T_oauth_clients')).filter(({ client_id }) => /^conf/.test(client_id)).length,
    11,
  );
});
