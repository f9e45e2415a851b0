import type { Context, Middleware } from 'koa';
import { LatchkeyError } from '../../kit/errors.ts';
import { closeConnection } from '../../web/body-limit.ts';
import { findRoute } from '../../web/routes.ts';
import type { EndOfUse, RunningUse, UseLog } from '../log/index.ts';
import { callRateLimited, notConnected, serviceBusy, upstreamUnreachable } from '../refusals.ts';
import { findTarget } from '../services/api-target.ts';
import type { Service } from '../services/service-config.ts';
import { passOn } from './answer.ts';
import type { ApiClient, UpstreamResponse as ApiResponse } from './api-client.ts';
import { takeBody } from './body.ts';
import { type CallCredential, createCaller } from './caller.ts';
import { methodsOf, toApplication } from './headers.ts';
import { MAX_CALL_MS, SLOTS_OF_ORIGIN, SLOTS_OF_PERSON } from './limits.ts';
import { assertAllowed, type ChoiceDeps, findConnection, neededScope } from './permission.ts';
import { createSlots } from './slots.ts';
import { type NamedCall, readCall, toLocation } from './target.ts';

const PROXY_ROUTE = '/connections/:service/proxy/*';

/** An application that calls, as its access token says. */
export interface CallingApplication {
  accountId: string;
  clientId: string;
  scopes: string[];
  /** Scopes of its token that the person has withdrawn. */
  withdrawn: string[];
}

/** A call that the application may make. */
interface ChosenCall {
  service: Service;
  scope: string;
  application: CallingApplication;
}

export interface ProxyDeps extends ChoiceDeps {
  /** The path of the issuer, which is empty for most. */
  base: string;
  findService(name: string): Promise<Service | undefined>;
  /** @throws LatchkeyError when the credential cannot be used */
  getCredential(connectionId: string, options?: { notVersion?: number }): Promise<CallCredential>;
  /** Notes the use in memory. */
  recordUse(connectionId: string): void;
  /** @returns after how many seconds a call may be made; undefined: now */
  countCall(connectionId: string, limit: { requests: number; seconds: number }): Promise<number | undefined>;
  useLog: Pick<UseLog, 'begin'>;
  apiClient: ApiClient;
}

/** A method that the service would answer with the credential, or that opens a tunnel. */
const REFUSED_METHODS = new Set(['TRACE', 'TRACK', 'CONNECT']);

/** Nobody is left to answer. The request is in the log with 499, the status that nginx uses for this. */
function leaveUnanswered(ctx: Context): void {
  ctx.respond = false;
  if (!ctx.res.headersSent) ctx.res.statusCode = 499;
}

/** How a call ended that was answered with an error of ours. */
const refusedEnd = (error: unknown): EndOfUse =>
  error instanceof LatchkeyError
    ? { status: 'failed', errorCode: error.code, errorMessage: error.message }
    : { status: 'failed', errorCode: 'internal_error' };

/** Aborts the call when the application ends its connection, or after the longest time. */
function followApplication({ res }: Context): { signal: AbortSignal; isGone(): boolean; stop(): void } {
  const controller = new AbortController();
  const late = setTimeout(
    () => controller.abort(new DOMException('The call took too long.', 'TimeoutError')),
    MAX_CALL_MS,
  );
  const isGone = () => res.destroyed && !res.writableFinished;
  res.once('close', () => {
    if (isGone()) controller.abort(new DOMException('The application ended its connection.', 'AbortError'));
  });
  return { signal: controller.signal, isGone, stop: () => clearTimeout(late) };
}

/**
 * Answers the calls that applications make at a service with the connected account of a person. The application never has the
 * credential, and the answer cannot act as a page of this server.
 * @param authenticate resolves with undefined when it has answered itself
 */
export function createProxy(
  deps: ProxyDeps,
  authenticate: (ctx: Context) => Promise<CallingApplication | undefined>,
): Middleware {
  const call = createCaller(deps);
  const takePersonSlot = createSlots(SLOTS_OF_PERSON);
  const takeOriginSlot = createSlots(SLOTS_OF_ORIGIN);

  /** Sends the headers. @throws LatchkeyError when the service sent some that cannot be passed on */
  function begin(ctx: Context, response: ApiResponse, location: Record<string, string>): void {
    if (!ctx.req.complete) closeConnection(ctx);
    try {
      ctx.res.writeHead(response.statusCode, toApplication(response.headers, location));
    } catch (error) {
      response.body.on('error', () => {}).destroy();
      throw upstreamUnreachable(error);
    }
    ctx.respond = false;
  }

  async function pass(ctx: Context, named: NamedCall, chosen: ChosenCall, use: RunningUse): Promise<void> {
    const { req, res } = ctx;
    const { service, scope } = chosen;
    const { accountId } = chosen.application;
    const target = findTarget(service.apiBaseUrls, named);
    if (!target) throw notConnected(service.displayName);
    const choice = { accountId, named: ctx.get('connection-id') || undefined };
    const connection = await findConnection(deps, service, choice);
    use.setConnection(connection.id);
    const following = followApplication(ctx);
    const slots: (() => void)[] = [];
    try {
      const ofPerson = await takePersonSlot(`${accountId} ${service.name}`, following.signal);
      if (!ofPerson) throw callRateLimited(1);
      slots.push(ofPerson);
      const ofOrigin = await takeOriginSlot(target.origin, following.signal);
      if (!ofOrigin) throw serviceBusy();
      slots.push(ofOrigin);
      const response = await call(service, connection.id, scope, {
        ...target,
        method: ctx.method,
        received: req.headers,
        body: await takeBody(req, res),
        signal: following.signal,
      });
      const location = toLocation(response.headers.location, `${target.origin}${target.path}`, {
        apiBaseUrls: service.apiBaseUrls,
        prefix: `${deps.base}/connections/${service.name}/proxy`,
      });
      begin(ctx, response, location);
      use.end(await passOn(res, response));
    } catch (error) {
      if (!following.isGone()) throw error;
      use.end({ status: 'cancelled' });
      leaveUnanswered(ctx);
    } finally {
      for (const giveBack of slots) giveBack();
      following.stop();
    }
  }

  /** What the application may do is known before anything is written: its refusals leave no row. */
  async function answer(ctx: Context, named: NamedCall, application: CallingApplication): Promise<void> {
    const service = await deps.findService(named.service);
    const scope = neededScope(service ?? named.service, methodsOf(ctx.method, ctx.req.headers, named.query));
    assertAllowed(application, scope, service?.displayName ?? named.service);
    if (!service) throw notConnected(named.service);
    const use = deps.useLog.begin({
      accountId: application.accountId,
      clientId: application.clientId,
      service: named.service,
      action: 'api_call',
      resource: `${ctx.method} /${named.path}`,
    });
    try {
      await pass(ctx, named, { service, scope, application }, use);
    } catch (error) {
      use.end(refusedEnd(error));
      throw error;
    }
  }

  return async (ctx, next) => {
    if (findRoute(ctx.path)?.path !== PROXY_ROUTE) return next();
    try {
      const named = readCall(ctx.url);
      if (REFUSED_METHODS.has(ctx.method))
        throw new LatchkeyError(
          'wrong_method',
          'method_not_proxied',
          `The proxy does not pass on ${ctx.method}.`,
        );
      const application = await authenticate(ctx);
      if (!application) return;
      await answer(ctx, named, application);
    } finally {
      if (!ctx.req.complete && !ctx.res.headersSent) closeConnection(ctx);
    }
  };
}
