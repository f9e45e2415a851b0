import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ClientInput } from '../../src/oidc/clients/input.ts';
import { Browser } from '../support/browser.ts';
import { authorization, authorizeUrl, walk } from '../support/builders/authorization.ts';
import { createKey } from '../support/builders/client-assertions.ts';
import { createEnds } from '../support/builders/conformance.ts';
import { BOTH, CALLBACK, fragmentOf, IMPLICIT } from '../support/builders/implicit-grant.ts';
import { DESCRIPTION, register } from '../support/builders/registration.ts';
import { createMigratedDatabase } from '../support/databases.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

describe('with LATCHKEY_IMPLICIT_GRANT, an application with the implicit grant', () => {
  const { t, close } = createEnds();
  let server: TestServer;
  before(async () => {
    server = await startServer(t, 'sqlite', { config: { implicitGrant: true } });
  });
  after(close);

  test('is registered only with https, without bound tokens, and with both names', async () => {
    const key = await createKey('ES256', 'one');
    const fapi = {
      authMethod: 'private_key_jwt',
      jwks: { keys: [key.jwk] },
      fapi: true,
    } satisfies Partial<ClientInput>;
    const wrong: [Partial<ClientInput>, RegExp][] = [
      [{ redirectUris: ['http://127.0.0.1/cb'] }, /https only/],
      [{ redirectUris: ['https://localhost/cb'] }, /localhost/],
      [{ redirectUris: ['https://localhost./cb'] }, /localhost/],
      [{ redirectUris: ['https://127.0.0.1/cb'] }, /localhost/],
      [{ redirectUris: ['https://[::1]/cb'] }, /localhost/],
      [{ redirectUris: ['com.example.app:/cb'] }, /https only/],
      [{ redirectUris: [] }, /redirect/],
      [{ requireDpop: true }, /bound/],
      [fapi, /FAPI|bound/],
      [{ grantTypes: ['authorization_code'] }, /go together/],
      [{ responseTypes: ['code'] }, /go together/],
      [{ responseTypes: ['token'] }, /response type is one of/],
      [{ grantTypes: ['implicit', 'refresh_token'] }, /refresh_token/],
      [{ grantTypes: ['implicit', 'authorization_code'] }, /goes together/],
    ];
    for (const [more, why] of wrong)
      await assert.rejects(
        async () => server.createClient({ ...IMPLICIT, ...more }),
        why,
        JSON.stringify(more),
      );
  });

  test('is for applications that register themselves with its response types', async () => {
    const web = { ...DESCRIPTION, redirect_uris: [CALLBACK] };
    const asked = await register(server, {
      ...web,
      response_types: ['token id_token', 'x'],
      grant_types: undefined,
    });
    assert.deepEqual(
      [asked.status, asked.body.response_types, asked.body.grant_types],
      [201, ['id_token token'], ['implicit']],
    );
    const request = authorization(asked.body, BOTH);
    const ada = await server.createAccount();
    const answer = fragmentOf(await walk(new Browser(server.issuer), request, ada));
    assert.ok(answer.id_token && answer.access_token);
    const usual = await register(server, { ...web, response_types: undefined });
    assert.deepEqual(usual.body.response_types, ['code']);
    const named = await register(server, { ...web, grant_types: ['authorization_code', 'implicit'] });
    assert.deepEqual([named.body.grant_types, named.body.response_types], [['authorization_code'], ['code']]);
    const local = await register(server, { ...DESCRIPTION, response_types: ['id_token'] });
    assert.match(String(local.body.error_description), /https only/);
  });

  test('sends the error of an unchecked application nowhere, and makes no link of it', async () => {
    const { body } = await register(server, {
      ...DESCRIPTION,
      redirect_uris: [CALLBACK],
      response_types: ['id_token'],
    });
    const request = authorization(body, { ...BOTH, response_type: 'id_token', prompt: 'none' });
    const page = await new Browser(server.issuer).get(authorizeUrl(request));
    assert.equal(page.status, 400);
    assert.equal(page.headers.get('location'), null);
    assert.doesNotMatch(await page.text(), /href="https:\/\/fieldnotes/);
  });
});

describe('without the setting', () => {
  const { t, close } = createEnds();
  let server: TestServer;
  before(async () => {
    server = await startServer(t, 'sqlite');
  });
  after(close);

  test('the implicit grant cannot be registered, and an application that had it gets nothing by it', async () => {
    await assert.rejects(async () => server.createClient(IMPLICIT), /LATCHKEY_IMPLICIT_GRANT/);
    const alone = await register(server, {
      ...DESCRIPTION,
      response_types: ['id_token'],
      redirect_uris: [CALLBACK],
    });
    assert.deepEqual([alone.status, alone.body.error], [400, 'invalid_client_metadata']);
    assert.match(String(alone.body.error_description), /response types code/);
    const client = await server.createClient({ redirectUris: [CALLBACK] });
    const row = await server.database.knex('T_oauth_clients').where({ client_id: client.client_id }).first();
    const metadata = {
      ...JSON.parse(row.metadata),
      grant_types: ['implicit'],
      response_types: ['id_token token'],
    };
    await server.database
      .knex('T_oauth_clients')
      .where({ client_id: client.client_id })
      .update({ metadata: JSON.stringify(metadata) });
    const again = await startServer(t, 'sqlite', { storage: server.storage });
    for (const response_type of ['id_token token', 'code']) {
      const request = authorization(client, { ...BOTH, response_type });
      const response = await new Browser(again.issuer).get(authorizeUrl(request));
      assert.match(String(response.headers.get('location')), /[?#]error=/, response_type);
    }
  });
});

test('latchkey doctor names the setting, and the applications with the implicit grant', async (t) => {
  const { url, drop } = await createMigratedDatabase('sqlite');
  t.after(drop);
  const env = { LATCHKEY_IMPLICIT_GRANT: 'true' };
  const json = async (args: string[], more = {}) =>
    JSON.parse((await latchkey([...args, '--json'], { url, env: more })).stdout);
  const says = async (more = {}) => {
    const findings: { check: string; says: string }[] = await json(['doctor'], more);
    return [
      findings.find(({ check }) => check === 'implicit grant')?.says,
      findings.filter(({ check, says }) => check === 'oauth 2.1' && says.includes('history')).length,
    ];
  };
  assert.deepEqual(await says(), ['off; no application is registered for it', 0]);
  const { client_id: id } = await json(
    `client create --name Old --redirect-uri ${CALLBACK} --grant-type implicit --response-type id_token`.split(
      ' ',
    ),
    env,
  );
  const sentence = `on (LATCHKEY_IMPLICIT_GRANT), though OAuth 2.1 has removed it; registered for Old (${id})`;
  assert.deepEqual(await says(env), [sentence, 1]);
});
