import type { TestServer } from '../server.ts';
import { addGoogle, connectGoogle } from '../upstream/connected.ts';
import { startGoogle } from '../upstream/google.ts';

/** Connects an account at a service, twice, and refreshes its tokens. @returns every secret that was handed out */
export async function useConnections(
  t: { after(end: () => unknown): void },
  server: TestServer,
  account: { id: string },
): Promise<[what: string, secret: string][]> {
  const { connections } = server.services;
  const google = await startGoogle(t);
  google.knobs.rotates = true;
  await addGoogle(server.services, google);
  const secrets: [string, string][] = [['secret at a service', google.clientSecret]];
  let version = 0;
  for (let time = 0; time < 2; time += 1) {
    const id = await connectGoogle(connections, google, account);
    for (const _ of [1, 2]) {
      const { accessToken, refreshToken, ...credential } = await connections.refresh.getFresh(id, {
        notVersion: version,
      });
      version = credential.version;
      secrets.push(['access token of a service', accessToken]);
      secrets.push(['refresh token of a service', String(refreshToken)]);
    }
    version = 0;
  }
  return secrets;
}
