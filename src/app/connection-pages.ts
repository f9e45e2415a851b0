import type Router from '@koa/router';
import type { Config } from '../config/settings.ts';
import type { ShowPage } from '../web/respond.ts';
import type { SignedInPages } from '../web/signed-in-pages.ts';
import type { Services } from './services.ts';

export interface ConnectionPagesDeps {
  config: Config;
  services: Services;
  signedIn: SignedInPages;
  showPage: ShowPage;
}

/** Registers the pages and endpoints of connections. There are none yet. */
export function registerConnectionPages(_router: Router, _deps: ConnectionPagesDeps): void {}
