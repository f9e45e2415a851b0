import { Secret, TOTP } from 'otpauth';
import { createSecondFactor } from '../../src/identity/second-factor/index.ts';
import { createSecrets } from '../../src/kit/secrets.ts';
import { SECRETS, type TestServer } from './server.ts';

export const secondFactorOf = (server: TestServer) =>
  createSecondFactor({
    knex: server.database.knex,
    secrets: createSecrets(SECRETS),
    issuer: server.issuer,
  });

/** The app of a person, as on their phone. @param steps early or late */
export const codeOf = (secret: string, steps = 0) =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30_000 });

/** An app that is set up; its codes from the next step on are unused. @returns its secret */
export async function withApp(
  server: TestServer,
  account: { id: string; username: string },
): Promise<string> {
  const { totp } = secondFactorOf(server);
  const { secret } = await totp.begin(account.id, account.username);
  if (!(await totp.confirm(account.id, codeOf(secret, -1)))) throw new Error('the app was not confirmed');
  return secret;
}
