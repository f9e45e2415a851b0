import type { ClientDocument } from '../../../src/oidc/clients/client-document.ts';
import type { ClientInput } from '../../../src/oidc/clients/input.ts';
import { Browser } from '../browser.ts';
import type { EngineName } from '../engines.ts';
import { startServer, type TestServer } from '../server.ts';
import { answerOf, authorization, call, redeem, walk } from './authorization.ts';

const OPERATOR = { accountId: null };
export const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
/** An API that people's applications call. */
export const NOTES = 'https://notes.example/api';
/** An API that the first one calls for its users. */
export const SEARCH = 'https://search.example/api';

type Fields = Record<string, string | undefined>;

/** An application, the API that it calls, and another API that this one may call for a user. */
export async function beginExchange(
  t: Parameters<typeof startServer>[0],
  engine: EngineName,
  input: Partial<ClientInput> = {},
  config: NonNullable<Parameters<typeof startServer>[2]>['config'] = {},
) {
  const server = await startServer(t, engine, { config });
  const api = await server.createClient({
    name: 'Notes API',
    redirectUris: [],
    resourceServer: true,
    scope: 'notes:read notes:write',
    grantTypes: ['client_credentials', EXCHANGE],
    exchangeResources: [SEARCH],
    ...input,
  });
  const { resources } = server.services;
  const scope = 'notes:read notes:write';
  await resources.create(OPERATOR, { identifier: NOTES, scope, clientId: api.client_id });
  await resources.create(OPERATOR, { identifier: SEARCH, scope });
  const app = await server.createClient({ scope: 'openid offline_access notes:read notes:write' });
  const ada = await server.createAccount('ada', 'openid profile notes:*');
  return { server, api, app, ada };
}

/** Signs in to an application for an API. @returns the browser and the answer with the tokens */
export async function signInForApi(
  server: TestServer,
  app: ClientDocument,
  person: { username: string; password: string },
  scope = 'openid notes:read notes:write',
  resource = NOTES,
  details?: object[],
) {
  const browser = new Browser(server.issuer);
  const request = authorization(app, {
    scope,
    resource,
    authorization_details: details && JSON.stringify(details),
  });
  const code = answerOf(await walk(browser, request, person)).get('code');
  const { body } = await redeem(server, app, request, code, { resource });
  return { browser, body };
}

/** A client_credentials token of the API, with which it shows that it acts itself. */
export async function actorToken(server: TestServer, api: ClientDocument): Promise<string> {
  const { body } = await call(server, api, '/token', { grant_type: 'client_credentials' });
  return String(body.access_token);
}

/** Exchanges a token as that API. Fields that are undefined are left out. */
export async function exchange(
  server: TestServer,
  api: ClientDocument,
  subjectToken: string | undefined,
  fields: Fields = {},
) {
  return call(server, api, '/token', {
    grant_type: EXCHANGE,
    subject_token: subjectToken,
    subject_token_type: ACCESS_TOKEN,
    actor_token: 'actor_token' in fields ? undefined : await actorToken(server, api),
    actor_token_type: ACCESS_TOKEN,
    resource: SEARCH,
    ...fields,
  });
}
