import type { Middleware } from 'koa';
import { createApp } from '../src/app/index.ts';
import { loadConfig } from '../src/config/index.ts';
import { migrateLatest } from '../src/database/migrate.ts';
import { openDatabase } from '../src/database/open.ts';
import { createLog } from '../src/kit/log.ts';
import { runPeriodically } from '../src/kit/periodic-jobs.ts';
import { createRequestExpiry, purge } from '../src/maintenance/purge.ts';
import {
  ALLOWED_SCOPE,
  API,
  ENTER,
  GRANT_TYPES,
  publishClient,
  REDIRECT_URI,
  SCOPE,
  SECRETS,
  serve,
  signInWithoutPage,
} from './control.ts';

const PASSWORD = 'a quiet harbour at dawn';
const OPERATOR = { accountId: null };

/** Latchkey as `npm start` runs it, with log and jobs. Its argument is the URL of the database. */
await serve(async (origin) => {
  const databaseUrl = process.argv[2] as string;
  const database = openDatabase(databaseUrl);
  await migrateLatest(database, databaseUrl);
  const config = loadConfig({
    LATCHKEY_ISSUER: origin,
    LATCHKEY_DATABASE_URL: databaseUrl,
    LATCHKEY_SECRETS: SECRETS.join(','),
    // The document of an application is on this machine.
    LATCHKEY_ALLOW_PRIVATE_SERVICES: 'true',
    // Each user of the bench has their own address, so that they are not limited as one.
    LATCHKEY_TRUST_PROXY: 'true',
    UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE,
  });
  const log = createLog(config.logLevel);
  const { provider, services } = await createApp({ config, database, log });
  const expire = createRequestExpiry(database);
  runPeriodically(5000, log, 'expire-requests', () => expire());
  let purging = false;
  const sweep = () => purge(database, { retention: {} }, { shouldContinue: () => purging });
  if (process.argv[3] === 'purges') {
    purging = true;
    runPeriodically(60_000, log, 'purge', sweep);
  }

  const { client_id, client_secret = '' } = await services.clients.create(OPERATOR, {
    name: 'Fieldnotes',
    redirectUris: [REDIRECT_URI],
    firstParty: true,
    scope: ALLOWED_SCOPE,
    grantTypes: [...GRANT_TYPES],
    idTokenSignedResponseAlg: 'ES256',
  });
  await services.resources.create(OPERATOR, { ...API, format: 'jwt' });
  const documentClientId = await publishClient();
  const { id } = await services.accounts.create(OPERATOR, {
    username: 'ada',
    email: 'ada@harbour.example',
    scope: SCOPE,
    password: PASSWORD,
  });
  // Inside Latchkey's own middleware, because its router does not know that path.
  const enter = signInWithoutPage(provider, id);
  provider.use(((ctx, next) =>
    ctx.path.endsWith(ENTER) ? enter(ctx, next) : next()) as Middleware as never);
  return {
    listener: provider.callback(),
    purge(on) {
      purging = on;
      if (on) sweep().catch((error) => log.error({ err: error }));
    },
    facts: {
      client: { client_id, client_secret, redirect_uris: [REDIRECT_URI] },
      person: { username: 'ada', password: PASSWORD },
      documentClientId,
    },
  };
});
