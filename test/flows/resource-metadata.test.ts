import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as oauth from 'oauth4webapi';
import { startServer } from '../support/server.ts';
import { latchkey } from '../support/warm-command.ts';

const NOTES = 'https://notes.example/api';

test('the metadata of a resource that asks for it is published, for applications on any origin', async (t) => {
  const server = await startServer(t, 'sqlite');
  const env = { LATCHKEY_ISSUER: server.issuer };
  const run = async (...args: string[]) => {
    const { stdout } = await latchkey(['resource', ...args, '--json'], { url: server.storage.url, env });
    return JSON.parse(stdout);
  };
  const hidden = await run('create', '--identifier', 'https://mail.example/api', '--scope', 'mail:read');
  assert.equal(hidden.metadata_url, undefined);
  const { metadata_url } = await run(
    ...['create', '--identifier', NOTES, '--name', 'Notes', '--scope', 'notes:read notes:write'],
    '--host-metadata',
  );
  assert.ok(metadata_url.startsWith(`${server.issuer}/.well-known/oauth-protected-resource/`));

  const answer = await fetch(metadata_url, { headers: { origin: 'https://app.example' } });
  assert.equal(answer.headers.get('access-control-allow-origin'), '*');
  const document = await oauth.processResourceDiscoveryResponse(new URL(NOTES), answer.clone());
  assert.deepEqual(document, {
    resource: NOTES,
    authorization_servers: [server.issuer],
    scopes_supported: ['notes:read', 'notes:write'],
    bearer_methods_supported: ['header'],
    resource_name: 'Notes',
  });
  const discovery = await fetch(`${server.issuer}/.well-known/oauth-authorization-server`);
  assert.deepEqual(((await discovery.json()) as Record<string, unknown>).protected_resources, [NOTES]);
});

test('nothing is published of other resources, disabled ones and unknown ones', async (t) => {
  const server = await startServer(t, 'sqlite');
  const { resources } = server.services;
  const operator = { accountId: null };
  const input = { identifier: NOTES, scope: 'notes:read', hostsMetadata: true };
  const { metadata_url } = await resources.create(operator, input);
  await resources.create(operator, { identifier: 'https://mail.example/api', scope: 'mail:read' });
  const rows = await server.database.knex('T_resource_servers').orderBy('id');
  const status = async (url: string) => (await fetch(url)).status;
  const base = `${server.issuer}/.well-known/oauth-protected-resource`;
  assert.equal(await status(`${base}/${rows[1].id}`), 404);
  for (const id of ['', 'x', '01930000-0000-7000-8000-000000000000', encodeURIComponent(NOTES)])
    assert.equal(await status(`${base}/${id}`), 404, id);
  await resources.disable(operator, NOTES);
  assert.equal(await status(String(metadata_url)), 404);
});
