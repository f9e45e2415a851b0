import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

test('latchkey client test walks a sign-in as the application would, and says what fails', async (t) => {
  const server = await startServer(t, 'sqlite');
  const redirectUris = ['http://localhost:4000/cb', 'https://nowhere.invalid/cb'];
  const { client_id } = await server.createClient({ redirectUris });
  const env = { LATCHKEY_ISSUER: server.issuer };
  const run = (...options: string[]) =>
    latchkey(['client', 'test', client_id, ...options], { url: server.storage.url, env });

  const { code, stdout } = await run();
  assert.equal(code, 1, stdout);
  assert.match(stdout, /ok +discovery: http/);
  assert.match(stdout, /ok +authorize http:\/\/localhost:4000\/cb: leads to the sign-in page/);
  assert.match(stdout, /ok +without PKCE and nonce: refused, as it should be: invalid_request/);
  assert.match(stdout, /WRONG name nowhere\.invalid: the name is not known here/);
  assert.equal((await server.database.knex('T_authorization_requests')).length, 0, 'nothing is stored');

  await server.services.clients.disable({ accountId: null }, client_id);
  const disabled = JSON.parse((await run('--json')).stdout);
  assert.ok(disabled.some(({ step, ok }: { step: string; ok: boolean }) => step === 'application' && !ok));

  const elsewhere = await latchkey(['client', 'test', client_id], {
    url: server.storage.url,
    env: { LATCHKEY_ISSUER: 'http://localhost:9' },
  });
  assert.equal(elsewhere.code, 1);
  assert.match(
    elsewhere.stdout,
    /WRONG discovery: .* cannot be fetched from here: .*\. Is the server running\?/,
  );
});
