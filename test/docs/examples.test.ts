import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { projectPath } from '../../src/kit/project-root.ts';
import { startServer } from '../support/server.ts';

test('the example service gets, introspects and revokes a token', async (t) => {
  const server = await startServer(t, 'sqlite');
  const client = await server.createClient({
    redirectUris: [],
    grantTypes: ['client_credentials'],
    scope: 'reports:read',
  });
  const { stdout } = await promisify(execFile)(process.execPath, [projectPath('examples/service/index.js')], {
    env: { ISSUER: server.issuer, CLIENT_ID: client.client_id, CLIENT_SECRET: client.client_secret },
  });
  assert.deepEqual(stdout.trim().split('\n'), [
    'Token for "reports:read", valid for 3600 seconds.',
    `Introspection: active=true client_id=${client.client_id} scope=reports:read`,
    'After revoking it: active=false',
  ]);
});
