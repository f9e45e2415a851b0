import type { Services } from '../../../src/app/services.ts';
import type { NewService } from '../../../src/connections/services/drafts.ts';
import type { Database } from '../../../src/database/open.ts';
import { servicesOn } from '../services.ts';
import type { GoogleLike } from './google.ts';

const OPERATOR = { accountId: null };

/** Services that may reach the stand-ins on this machine. */
export const openServices = (database: Database): Services =>
  servicesOn(database, 'http://127.0.0.1', { LATCHKEY_ALLOW_PRIVATE_SERVICES: 'true' });

/** Adds the stand-in as a service. @param options `change`: what differs from the preset */
export const addGoogle = (
  { connections }: Services,
  google: GoogleLike,
  { name = 'google', change = {} as NewService['change'] } = {},
): Promise<unknown> =>
  connections.services.add(OPERATOR, {
    name,
    preset: 'google',
    baseUrl: google.url,
    change: { clientId: google.clientId, clientSecret: google.clientSecret, ...change },
  });

/** Connects an account with tokens that the stand-in issues. @returns the id of the connection */
export async function connectGoogle(
  { vault }: Pick<Services['connections'], 'vault'>,
  google: GoogleLike,
  account: { id: string },
  {
    externalId = '100000000000000000001',
    life = 3_600_000,
    scope = undefined as string | undefined,
    service = 'google',
  } = {},
): Promise<string> {
  const issued = google.grant(undefined, scope);
  const saved = await vault.save({
    accountId: account.id,
    service,
    identity: { id: externalId, email: 'ada@gmail.example' },
    accessLevel: 'read',
    tokens: {
      accessToken: issued.access_token,
      refreshToken: issued.refresh_token,
      tokenType: 'Bearer',
      scope: issued.scope,
      expiresAt: new Date(Date.now() + life),
    },
  });
  return saved.id;
}
