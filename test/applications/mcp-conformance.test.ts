import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';
import { Browser } from '../support/browser.ts';
import { decide } from '../support/builders/consent.ts';
import { openAuthorization } from '../support/builders/mcp.ts';
import { register } from '../support/builders/registration.ts';
import { childEnvironment } from '../support/child-environment.ts';
import { freePort } from '../support/free-port.ts';
import { startServer } from '../support/server.ts';

const SCENARIOS = ['authorization-server-metadata-endpoint', 'authorization-code-grant'];

test('every scenario for an authorization server of @modelcontextprotocol/conformance passes', async (t) => {
  const server = await startServer(t, 'sqlite');
  const ada = await server.createAccount('ada', 'openid profile email files:read');
  const resource = 'https://mcp.example/mcp';
  await server.services.resources.create(
    { accountId: null },
    { identifier: resource, scope: 'files:read', format: 'jwt' },
  );
  const port = await freePort();
  const { body: client } = await register(server, {
    redirect_uris: [`http://127.0.0.1:${port}/callback`],
    token_endpoint_auth_method: 'none',
  });
  const args = [
    'authorization',
    '--url',
    server.issuer,
    '--client-id',
    client.client_id,
    '--resource',
    resource,
  ];
  const child = spawn(
    process.execPath,
    [
      projectPath('node_modules/@modelcontextprotocol/conformance/dist/index.js'),
      ...args,
      '--port',
      String(port),
    ],
    { env: childEnvironment({}), stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.after(() => void child.kill());
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (!line.startsWith(`${server.issuer}/auth?`)) continue;
    const browser = new Browser(server.issuer);
    const page = await openAuthorization(browser, new URL(line), ada);
    await fetch(String((await decide(browser, page, 'allow')).headers.get('location')));
  }
  const output = lines.join('\n');
  assert.equal(await ended, 0, output);
  for (const scenario of SCENARIOS)
    assert.match(output, new RegExp(`✓ ${scenario}: \\d+ passed, 0 failed`), output);
  assert.ok(!/warnings?: [1-9]|[1-9]\d* warnings/.test(output), output);
  if (process.env.LATCHKEY_TEST_SHOTS) console.log(output);
});
