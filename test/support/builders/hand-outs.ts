import type { ClientDocument } from '../../../src/oidc/clients/client-document.ts';
import { call } from './authorization.ts';
import { beginCalls, type startWithGoogle } from './proxied-calls.ts';
import { EXCHANGE } from './token-exchange.ts';

export const CONNECTION_TOKEN = 'urn:latchkey:token-type:connection:';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/** Asks for the access token of a service. Fields that are undefined are left out. */
export const askForToken = (
  server: { issuer: string },
  client: ClientDocument,
  subjectToken: string | undefined,
  fields: Record<string, string | undefined> = {},
) =>
  call(server, client, '/token', {
    grant_type: EXCHANGE,
    subject_token: subjectToken,
    subject_token_type: ACCESS_TOKEN,
    requested_token_type: `${CONNECTION_TOKEN}google`,
    ...fields,
  });

/** A person with a connected account, and an application that may be given its tokens, and has an access token of its own. */
export async function beginHandOut(
  started: Awaited<ReturnType<typeof startWithGoogle>>,
  options: Parameters<typeof beginCalls>[1] = {},
) {
  const { service = 'google' } = options;
  const begun = await beginCalls(started, {
    scope: `openid connections:${service}.token`,
    ...options,
    client: {
      scope: 'openid',
      grantTypes: ['authorization_code', EXCHANGE],
      handOutServices: [service],
      ...options.client,
    },
  });
  const ask = (fields?: Record<string, string | undefined>) =>
    askForToken(started.server, begun.client, begun.token, {
      requested_token_type: `${CONNECTION_TOKEN}${service}`,
      ...fields,
    });
  return { ...begun, ask };
}
