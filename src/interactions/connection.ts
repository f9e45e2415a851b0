import type { Context } from 'koa';
import { parseConnectionScope } from '../access/connection-scopes.ts';
import { parseScopes } from '../access/scopes.ts';
import type { Connect } from '../connections/connect/connect.ts';
import { tellFault, UpstreamFault } from '../connections/connect/faults.ts';
import type { Service } from '../connections/services/service-config.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { type ShowPage, seeOther } from '../web/respond.ts';
import { allowFormTarget } from '../web/security-headers.ts';
import { type Details, type Interactions, interactionEnded } from './interaction.ts';

export interface ConnectionStepDeps {
  interactions: Pick<Interactions, 'common' | 'conclude'>;
  showPage: ShowPage;
  /** Finds the services of these scopes at which the account has no connection that works. */
  findUnconnected(accountId: string, scopes: string[]): Promise<{ service: Service; isBroken: boolean }[]>;
  connect: Pick<Connect, 'beginVisit' | 'connectWithKey'>;
  browserCookie: { recognize(ctx: Context): string };
  /** @throws LatchkeyError rate_limited */
  countVisit(ip: string | undefined): Promise<void>;
}

const scopesOf = ({ params }: Details) => parseScopes(String(params.scope ?? ''));

/** The step in which a person connects an account that an application asks for, or goes on without it. */
export function createConnectionStep(deps: ConnectionStepDeps) {
  const { interactions, connect } = deps;

  async function findNext(details: Details) {
    const accountId = details.session?.accountId;
    if (!accountId) throw interactionEnded();
    const [next] = await deps.findUnconnected(accountId, scopesOf(details));
    return { accountId, next };
  }

  /** Back to the engine, which looks again at what is missing. */
  async function goOn(ctx: Context, details: Details): Promise<void> {
    seeOther(ctx, await interactions.conclude(details, { connection: {} }));
  }

  async function show(ctx: Context, details: Details, fault?: string): Promise<void> {
    const { next } = await findNext(details);
    if (!next) return goOn(ctx, details);
    const { service, isBroken } = next;
    allowFormTarget(ctx, service.authUrl);
    const { client: _client, passkeys: _passkeys, ...data } = await interactions.common(ctx, details);
    deps.showPage(ctx, 'interactions/connection', {
      ...data,
      title: `${isBroken ? 'Reconnect' : 'Connect'} ${service.displayName}`,
      serviceName: service.displayName,
      service: service.name,
      takesKey: service.authType === 'api_key',
      isBroken,
      faults: fault === undefined ? {} : { api_key: fault },
    });
  }

  /** The request goes on as if the application had not asked for that service. */
  async function skip(ctx: Context, details: Details, service: string): Promise<void> {
    const left = scopesOf(details).filter((scope) => parseConnectionScope(scope)?.service !== service);
    details.params = { ...details.params, scope: left.join(' ') };
    await goOn(ctx, details);
  }

  async function connectByKey(ctx: Context, details: Details, service: Service, key: string): Promise<void> {
    const { accountId, uid: sessionUid = '' } = details.session ?? {};
    if (key.trim() === '') return show(ctx, details, 'Enter your API key');
    try {
      await connect.connectWithKey(
        service,
        { accountId: String(accountId), sessionUid },
        key,
        currentUnit().origin,
      );
      await goOn(ctx, details);
    } catch (error) {
      const back = { url: `/interaction/${details.uid}`, label: 'Continue' };
      const refusal = error instanceof UpstreamFault ? tellFault(error, service.displayName, back) : error;
      if (!(refusal instanceof LatchkeyError)) throw error;
      ctx.status = refusal.status;
      await show(ctx, details, refusal.message);
    }
  }

  async function decide(ctx: Context, details: Details, fields: Record<string, string>): Promise<void> {
    const { accountId, next } = await findNext(details);
    // The form is of a page in another tab, whose question was answered already.
    if (!next || next.service.name !== fields.service) return show(ctx, details);
    const { service } = next;
    if (fields.decision === 'skip') return skip(ctx, details, service.name);
    await deps.countVisit(currentUnit().origin.ip);
    if (service.authType === 'api_key') return connectByKey(ctx, details, service, fields.api_key ?? '');
    const browser = deps.browserCookie.recognize(ctx);
    const destination = { kind: 'request', interaction: details.uid } as const;
    seeOther(ctx, await connect.beginVisit(service, { accountId, browser, destination }));
  }

  return { show: (ctx: Context, details: Details) => show(ctx, details), decide };
}
