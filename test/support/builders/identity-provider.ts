import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { SignJWT } from 'jose';
import { createKey, type Key } from './client-assertions.ts';

export interface IdentityProvider {
  issuer: string;
  jwksUri: string;
  /** How often its keys were read. */
  reads(): number;
  /** @param claims beside `iss`, `iat`, `exp` and `jti`, or in their place */
  sign(claims: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
}

/** A company's own sign-in, which issues identity assertions. @param other the key that it has instead of one of ES256 */
export async function startIdentityProvider(
  t: Pick<TestContext, 'after'>,
  other?: Key,
): Promise<IdentityProvider> {
  let reads = 0;
  const { privateKey, kid, alg, jwk } = other ?? (await createKey('ES256', 'first'));
  const server = createServer((_req, res) => {
    reads += 1;
    const keys = [{ ...jwk, use: 'sig' }];
    res.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    jwksUri: `${issuer}/jwks`,
    reads: () => reads,
    sign(claims, header = {}) {
      const now = Math.floor(Date.now() / 1000);
      const payload = { iss: issuer, iat: now, exp: now + 300, jti: `${Math.random()}`, ...claims };
      return new SignJWT(payload)
        .setProtectedHeader({ alg, typ: 'oauth-id-jag+jwt', kid, ...header })
        .sign(privateKey);
    },
  };
}
