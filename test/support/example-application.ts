import { spawn } from 'node:child_process';
import type { TestContext } from 'node:test';
import { projectPath } from '../../src/kit/project-root.ts';
import type { ClientDocument } from '../../src/oidc/clients/client-document.ts';
import { childEnvironment } from './child-environment.ts';
import { freePort } from './free-port.ts';
import type { TestServer } from './server.ts';

/** Starts the example application as a process, registered at that server. @returns its address */
export async function startApplication(
  t: Pick<TestContext, 'after'>,
  server: TestServer,
): Promise<{ home: string; client: ClientDocument }> {
  const port = await freePort();
  const home = `http://localhost:${port}`;
  const client = await server.createClient({
    redirectUris: [`${home}/callback`],
    postLogoutRedirectUris: [`${home}/`],
  });
  const env = childEnvironment({
    ISSUER: server.issuer,
    CLIENT_ID: client.client_id,
    CLIENT_SECRET: client.client_secret,
    PORT: String(port),
  });
  const child = spawn(process.execPath, [projectPath('examples/web-application/index.js')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => void child.kill());
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return { home, client };
}
