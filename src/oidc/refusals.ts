import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { type AuditEvent, recordEvent } from '../audit/index.ts';
import type { Logger } from '../kit/log.ts';
import type { EngineError } from './engine-internals.ts';
import { recordReplayOf } from './replays.ts';

/** The engine's events for refused requests, and their names in the audit log. */
const ACTIONS: Record<string, string> = {
  'grant.error': 'token_request.refused',
  'introspection.error': 'introspection.refused',
  'revocation.error': 'revocation.refused',
  'userinfo.error': 'userinfo.refused',
  'authorization.error': 'authorization.refused',
};

const HOUR_MS = 3_600_000;
/** The most audit events in an hour for one application, action and error code. Further ones are only counted. */
export const REFUSALS_PER_HOUR = 60;

interface Window {
  began: number;
  recorded: number;
  omitted: number;
}

/**
 * Limits the audit events for refusals. A client_id is no secret, so anyone can send invalid requests in the name of
 * an application, and the log must not grow as fast as they arrive.
 * @returns a function that returns what to add to an event, or undefined when the event is to be omitted
 */
export function createRefusalLimit(now: () => number = Date.now) {
  // The keys are bounded: registered applications times kinds of error. None contains text from a request.
  const windows = new Map<string, Window>();
  return (event: AuditEvent): { details?: { omitted: number } } | undefined => {
    const key = `${event.clientId} ${event.action} ${event.errorCode}`;
    let window = windows.get(key);
    let omitted = 0;
    if (!window || now() - window.began >= HOUR_MS) {
      omitted = window?.omitted ?? 0;
      window = { began: now(), recorded: 0, omitted: 0 };
      windows.set(key, window);
    }
    if (window.recorded >= REFUSALS_PER_HOUR) {
      window.omitted += 1;
      return undefined;
    }
    window.recorded += 1;
    return omitted > 0 ? { details: { omitted } } : {};
  };
}

/**
 * Logs every refused request. Those of a known application are audit events too, committed with the request. An audit
 * event gets the public description only: the engine's detail may quote what was sent.
 */
export function auditRefusals(provider: Provider, log: Logger): void {
  const limit = createRefusalLimit();
  const listen: (event: string, listener: (...args: never[]) => void) => void = provider.on.bind(provider);
  for (const [name, action] of Object.entries(ACTIONS)) {
    listen(name, (ctx: KoaContextWithOIDC, error: EngineError) => {
      const { client, account, entities, session } = ctx.oidc;
      log.info({ event: name, client_id: client?.clientId, error: error.error, detail: error.error_detail });
      if (name === 'grant.error' && recordReplayOf(ctx, error)) return;
      if (!client) return;
      const event = {
        action,
        accountId: account?.accountId ?? session?.accountId ?? entities.RefreshToken?.accountId,
        clientId: client.clientId,
        sessionUid: session?.uid,
        success: false,
        errorCode: error.error,
        errorMessage: error.error_description,
      };
      const addition = limit(event);
      if (addition) recordEvent({ ...event, ...addition });
    });
  }
}
