import type Router from '@koa/router';
import type { Context } from 'koa';
import { recordEvent } from '../../audit/index.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import type { BrowserCookie } from '../../web/browser-cookie.ts';
import { showError } from '../../web/errors.ts';
import { type ShowPage, seeOther } from '../../web/respond.ts';
import type { Service } from '../services/service-config.ts';
import { type Connect, connectEnded, connectionPageOf } from './connect.ts';
import { tellFault, UpstreamFault } from './faults.ts';
import type { ConnectDestination, OpenVisit } from './states.ts';

export interface CallbackDeps {
  connect: Connect;
  browserCookie: Pick<BrowserCookie, 'find'>;
  showPage: ShowPage;
  findService(name: string): Promise<Service | undefined>;
  /** The session of this browser. */
  sessionOf(ctx: Context): Promise<{ accountId?: string; uid: string }>;
  signInUrl(page: string): string;
}

/** `state` and `code` of every service are shorter. */
const MAX_QUERY_LENGTH = 8192;

/** Where the person goes on. */
const backTo = (destination: ConnectDestination, service: Service): { url: string; label: string } =>
  destination.kind === 'account'
    ? { url: connectionPageOf(service), label: 'Try again' }
    : { url: `/interaction/${destination.interaction}`, label: 'Continue' };

const otherBrowser = (back: { url: string; label: string }) =>
  new LatchkeyError(
    'forbidden',
    'connect_other_browser',
    'This was begun in another browser. Nothing was connected. Begin again in this one.',
    { back },
  );

/**
 * The path to which services send the browser back. It is reached from another site and changes something, so everything
 * is checked: the state is known and for this service, the browser is the one that left, and the same account is signed in.
 */
export function createConnectCallback(router: Router, deps: CallbackDeps): void {
  const { connect, browserCookie } = deps;

  /** @returns the visit that ends here @throws LatchkeyError */
  async function findVisit(ctx: Context, service: Service): Promise<OpenVisit & { state: string }> {
    const { state } = ctx.query;
    if (typeof state !== 'string' || ctx.querystring.length > MAX_QUERY_LENGTH)
      throw new LatchkeyError(
        'invalid_input',
        'connect_answer_malformed',
        `${service.displayName} sent you back with an answer that we cannot read. Nothing was connected.`,
        { back: { url: connectionPageOf(service), label: 'Begin again' } },
      );
    const visit = await connect.findVisit(state);
    if (!visit || visit.service !== service.name) throw connectEnded(service);
    if (visit.browser !== browserCookie.find(ctx))
      throw otherBrowser({ url: connectionPageOf(service), label: 'Begin again' });
    return { ...visit, state };
  }

  /** @throws LatchkeyError if the account that began the visit is no longer signed in */
  async function findUser(ctx: Context, visit: OpenVisit, service: Service) {
    const { accountId, uid } = await deps.sessionOf(ctx);
    if (accountId !== undefined && accountId === visit.accountId) return { accountId, sessionUid: uid };
    if (accountId === undefined)
      throw new LatchkeyError(
        'unauthenticated',
        'connect_signed_out',
        `You were signed out while you were at ${service.displayName}. Nothing was connected. Sign in, then connect again.`,
        { back: { url: deps.signInUrl(connectionPageOf(service)), label: 'Sign in' } },
      );
    throw new LatchkeyError(
      'forbidden',
      'connect_other_account',
      'Another account is signed in now than the one that began this. Nothing was connected.',
      { back: { url: connectionPageOf(service), label: 'Begin again with this account' } },
    );
  }

  async function finish(
    ctx: Context,
    service: Service,
    visit: OpenVisit & { state: string },
    destination: ConnectDestination,
  ): Promise<void> {
    const response = new URLSearchParams(ctx.querystring);
    const user = await findUser(ctx, visit, service);
    const grant = await connect.endVisit(service, visit, response);
    const { isNew } = await connect.saveConnection(service, user, grant, currentUnit().origin);
    if (destination.kind === 'request') return seeOther(ctx, backTo(destination, service).url);
    seeOther(ctx, `${connectionPageOf(service)}?done=${isNew ? 'connected' : 'renewed'}`);
  }

  router.get('/connections/:service/callback', async (ctx) => {
    const service = await deps.findService(String(ctx.params.service));
    if (!service)
      throw new LatchkeyError('not_found', 'service_not_offered', 'No such service can be connected here.');
    const visit = await findVisit(ctx, service);
    const { destination } = visit;
    // A sign-in ends below the path of its authorization request, whose cookie must be there.
    if (destination.kind === 'sign-in' || destination.kind === 'sign-up')
      return seeOther(ctx, `/interaction/${destination.interaction}/sign-in-with?${ctx.querystring}`);
    const back = backTo(destination, service);
    try {
      await finish(ctx, service, visit, destination);
    } catch (error) {
      const refusal = error instanceof UpstreamFault ? tellFault(error, service.displayName, back) : error;
      if (!(refusal instanceof LatchkeyError)) throw error;
      // Shown here, so that the event is written with the answer.
      recordEvent({
        action: 'connection.refused',
        accountId: visit.accountId,
        success: false,
        errorCode: refusal.code,
        details: { service: service.name, reason: error instanceof UpstreamFault ? error.reason : undefined },
      });
      ctx.status = refusal.status;
      showError(ctx, deps.showPage, {
        heading: 'Nothing was connected',
        lede: refusal.message,
        back: refusal.back ?? back,
      });
    }
  });
}
