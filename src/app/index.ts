import type { Provider } from 'oidc-provider';
import type { Config } from '../config/variables.ts';
import type { Database } from '../database/open.ts';
import { createReadiness } from '../database/readiness.ts';
import { createBackground } from '../kit/background.ts';
import type { Logger } from '../kit/log.ts';
import { createPrintingMailer } from '../kit/mail.ts';
import { createClientCache } from '../oidc/clients/cache.ts';
import { createEnginePages } from '../oidc/engine-pages.ts';
import { createProvider } from '../oidc/provider.ts';
import { createStorage } from '../oidc/storage/index.ts';
import { createAssets } from '../web/assets.ts';
import { createRenderer } from '../web/render.ts';
import { createMiddleware } from './middleware.ts';
import { createPages } from './pages.ts';
import { createServices, type Services } from './services.ts';

export interface App {
  /** The Koa application. */
  provider: Provider;
  services: Services;
  /** Sends the mail that still waits, for at most that time, and closes what the app opened. Call it after the last response. */
  close(ms: number): Promise<void>;
}

/** @throws LatchkeyError when a signing key cannot be decrypted with the configured secrets */
export async function createApp(deps: { config: Config; database: Database; log: Logger }): Promise<App> {
  const { config, database, log } = deps;
  const { issuer } = config;
  const background = createBackground(log);
  const services = createServices({
    ...deps,
    background,
    fallbackMailer: config.production ? undefined : createPrintingMailer(log),
  });
  const { secrets, limits, clientUsage } = services;
  const assets = createAssets();
  const render = createRenderer({ assets, issuer, passwordMinLength: config.passwordMinLength }).page;
  const clients = createClientCache({ driver: database.driver, issuer });
  const provider = createProvider({
    config,
    secrets,
    log,
    keys: await services.signingKeys.load(),
    adapter: createStorage({ secrets, issuer, clients }),
    findAccount: services.findAccount,
    pages: createEnginePages(render),
    onUse: clientUsage.noteUse,
  });
  const pages = createPages({ config, services, provider, render });
  const notReady = createReadiness(database, log);
  const pipeline = createMiddleware({
    issuer,
    log,
    driver: database.driver,
    assets,
    render,
    notReady,
    pages,
  });
  for (const middleware of pipeline) provider.use(middleware as never);
  (provider as NodeJS.EventEmitter).on('error', (error: Error) => log.error({ err: error }));

  async function close(ms: number): Promise<void> {
    await background.drain(ms);
    limits.close();
  }
  return { provider, services, close };
}
