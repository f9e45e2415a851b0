import type Router from '@koa/router';
import type { Context } from 'koa';
import type { ConnectionReport } from '../connections/report/report.ts';
import type { ServiceChange } from '../connections/services/changes.ts';
import type { NewService } from '../connections/services/drafts.ts';
import { PRESETS, REGISTER_AT } from '../connections/services/presets.ts';
import { redirectUriOf } from '../connections/services/service-config.ts';
import type { ServiceDocument } from '../connections/services/service-document.ts';
import { seeOther } from '../web/respond.ts';
import type { SignedInUser } from '../web/signed-in-pages.ts';
import type { ConsoleDeps, ConsoleLayout } from './sections.ts';
import { faultsOf, toChange, toNewService, toTyped } from './service-form.ts';

interface Actor {
  accountId: string;
}

export interface ServicePagesDeps extends ConsoleDeps {
  config: { issuer: string };
  connections: {
    report(): Promise<ConnectionReport>;
    /** The service that the command calls too. */
    services: {
      list(): Promise<ServiceDocument[]>;
      show(name: string): Promise<ServiceDocument>;
      add(actor: Actor, service: NewService): Promise<ServiceDocument>;
      update(actor: Actor, name: string, input: { change: ServiceChange }): Promise<ServiceDocument>;
      enable(actor: Actor, name: string): Promise<ServiceDocument>;
      disable(actor: Actor, name: string): Promise<ServiceDocument>;
    };
  };
}

const PATH = '/admin/services';
const SCOPE = 'latchkey:connections';
/** A service without a preset. */
const OTHER = 'other';

/** What a page says after a form has redirected to it, by the value of `done`. */
const NOTICES = new Map(
  Object.entries({
    added: 'The service was added. People can connect their accounts.',
    changed: 'The service was changed.',
    on: 'The service is switched on. People can connect their accounts.',
    off: 'The service is switched off. Nobody can connect to it or use it.',
  }),
);

/** Without the secret: forms are kept over another sign-in with these fields alone. */
const TYPED = ['name', 'display_name', 'issuer', 'client_id', 'scope', 'api_base_urls', 'calls', 'sign_in'];

/** The pages for the services at which people can connect an account: the list, adding one, and changing one. */
export function createServicePages(router: Router, layout: ConsoleLayout, deps: ServicePagesDeps): void {
  const { signedIn } = deps;
  const { services } = deps.connections;
  const mayWrite = ({ scopes }: SignedInUser) => deps.covers(scopes, SCOPE);
  const show = (ctx: Context, user: SignedInUser, view: string, data: Record<string, unknown>) =>
    layout.show(ctx, user, PATH, `services/${view}`, { mayWrite: mayWrite(user), ...data });

  router.get(
    PATH,
    signedIn.page(async (ctx, user) => {
      const report = await deps.connections.report();
      show(ctx, user, 'list', { title: 'Services', services: await services.list(), report });
    }, `${SCOPE}.read`),
  );

  router.get(
    `${PATH}/new`,
    signedIn.page(async (ctx, user) => {
      const added = new Set((await services.list()).map(({ name }) => name));
      const presets = Object.entries(PRESETS).map(([name, { displayName, authType }]) => ({
        name,
        displayName,
        authType,
        isAdded: added.has(name),
      }));
      show(ctx, user, 'choose', { title: 'Add a service', presets });
    }, SCOPE),
  );

  /** The form for a new service. @param name of a preset, or OTHER */
  function showNew(
    ctx: Context,
    user: SignedInUser,
    name: string,
    typed: Record<string, string>,
    faults: Record<string, string> = {},
  ): void {
    const preset = PRESETS[name];
    const action = `${PATH}/new/${name}`;
    const title = preset ? `Add ${preset.displayName}` : 'Add another service';
    show(ctx, user, 'new', {
      title,
      preset,
      registerAt: REGISTER_AT[name],
      redirectUri: redirectUriOf(deps.config.issuer, preset ? name : 'NAME'),
      typed: { ...(preset ? { scope: preset.scopes.join(' ') } : {}), ...typed },
      faults,
      action,
      csrf: user.csrf(action),
    });
  }

  const isKnown = (name: string) => name === OTHER || Object.hasOwn(PRESETS, name);

  router.get(
    `${PATH}/new/:id`,
    signedIn.page((ctx, user) => {
      const name = String(ctx.params.id);
      if (isKnown(name)) showNew(ctx, user, name, user.typed ?? {});
    }, SCOPE),
  );

  router.post(
    `${PATH}/new/:id`,
    signedIn.form(
      async (ctx, user, fields) => {
        const name = String(ctx.params.id);
        if (!isKnown(name)) return;
        try {
          const added = await services.add(user, toNewService(fields, name === OTHER ? undefined : name));
          seeOther(ctx, `${PATH}/${added.name}?done=added`);
        } catch (error) {
          const faults = faultsOf(error);
          ctx.status = 400;
          showNew(ctx, user, name, fields, faults);
        }
      },
      { scope: SCOPE, keeps: TYPED },
    ),
  );

  function showOne(
    ctx: Context,
    user: SignedInUser,
    service: ServiceDocument,
    typed: Record<string, string>,
    faults: Record<string, string> = {},
  ): void {
    const action = `${PATH}/${service.name}`;
    show(ctx, user, 'show', {
      title: service.display_name,
      notice: NOTICES.get(String(ctx.query.done)),
      service,
      typed,
      faults,
      action,
      csrf: user.csrf(action),
      state: { action: `${action}/state`, csrf: user.csrf(`${action}/state`) },
    });
  }

  router.get(
    `${PATH}/:id`,
    signedIn.page(async (ctx, user) => {
      const service = await services.show(String(ctx.params.id));
      // The form that switches the service off keeps no fields.
      const isTyped = user.typed?.display_name !== undefined;
      showOne(ctx, user, service, isTyped && user.typed ? user.typed : toTyped(service));
    }, `${SCOPE}.read`),
  );

  router.post(
    `${PATH}/:id`,
    signedIn.form(
      async (ctx, user, fields) => {
        const service = await services.show(String(ctx.params.id));
        try {
          await services.update(user, service.name, { change: toChange(fields, service) });
          seeOther(ctx, `${PATH}/${service.name}?done=changed`);
        } catch (error) {
          const faults = faultsOf(error);
          ctx.status = 400;
          showOne(ctx, user, service, fields, faults);
        }
      },
      { scope: SCOPE, keeps: TYPED },
    ),
  );

  router.post(
    `${PATH}/:id/state`,
    signedIn.form(
      async (ctx, user, { state }) => {
        const name = String(ctx.params.id);
        if (state === 'on') await services.enable(user, name);
        else await services.disable(user, name);
        seeOther(ctx, `${PATH}/${encodeURIComponent(name)}?done=${state === 'on' ? 'on' : 'off'}`);
      },
      { scope: SCOPE },
    ),
  );
}
