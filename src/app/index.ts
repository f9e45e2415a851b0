import type { Provider } from 'oidc-provider';
import type { Config } from '../config/settings.ts';
import { createBackground } from '../kit/background.ts';
import { createPrintingMailer } from '../kit/smtp.ts';
import { createFindAccount } from '../oidc/claims.ts';
import { createEnginePages } from '../oidc/engine-pages.ts';
import { createLogoutDelivery, type LogoutDelivery } from '../oidc/logout/deliver.ts';
import { createProvider } from '../oidc/provider.ts';
import { createStorage } from '../oidc/storage/index.ts';
import { createAssets } from '../web/assets.ts';
import { createRenderer } from '../web/render.ts';
import { logErrors } from '../web/request-log.ts';
import { createShowPage } from '../web/respond.ts';
import { createConnectionHooks } from './connection-proxy.ts';
import { createMiddleware, type MiddlewareDeps } from './middleware.ts';
import { createPages } from './pages.ts';
import { createServices, type Services } from './services.ts';

export interface App {
  provider: Provider;
  services: Services;
  deliverLogouts: LogoutDelivery;
  /** Sends the waiting mail for at most `drainMs`, and closes connections to Redis. Call it after the last response. */
  close(drainMs: number): Promise<void>;
}

type AppDeps = { config: Config } & Pick<MiddlewareDeps, 'database' | 'log' | 'isStopping'>;

/** Creates and connects services, engine and pages. @throws LatchkeyError when a signing key cannot be decrypted */
export async function createApp(deps: AppDeps): Promise<App> {
  const { config, log } = deps;
  const background = createBackground(log);
  const fallbackMailer = config.production ? undefined : createPrintingMailer(log);
  const services = createServices({ ...deps, background, fallbackMailer });
  const assets = createAssets();
  const showPage = createShowPage(createRenderer({ ...config, assets }));
  const provider = createProvider({
    ...deps,
    secrets: services.secrets,
    findAccount: createFindAccount(config.groupsClaim),
    findResource: services.resources.find,
    secondFactorPolicy: services.secondFactorPolicy,
    keys: await services.signingKeys.load(),
    adapter: createStorage({ config, secrets: services.secrets, clients: services.registration.clients }),
    pages: createEnginePages(showPage, services.wayBack),
    ...services.engineHooks,
    findPairwiseSubject: await services.loadPairwiseSubjects(),
    registration: services.registration,
    ...createConnectionHooks({ ...services, driver: deps.database.driver }),
    recordClientUse: services.clientUsage.recordUse,
  });
  const pages = createPages({ config, services, provider, showPage });
  // `never`, because oidc-provider declares a Koa context of its own.
  for (const step of createMiddleware({ ...deps, provider, services, assets, showPage, pages }))
    provider.use(step as never);
  logErrors(provider, log);
  const { limits, connections } = services;
  const close = (ms: number) => background.drain(ms).then(connections.apiClient.close).then(limits.close);
  return { provider, services, deliverLogouts: createLogoutDelivery({ ...deps, provider }), close };
}
