import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { createEventLimit } from '../audit/event-limit.ts';
import { recordEvent } from '../audit/index.ts';
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

/**
 * The most audit events in an hour for one application, action and error code. A client_id is no secret, so anyone can
 * send invalid requests in the name of an application.
 */
export const REFUSALS_PER_HOUR = 60;

/**
 * Logs every refused request. Those of a known application are audit events too, committed with the request. An audit
 * event gets the public description only: the engine's detail may quote what was sent.
 */
export function auditRefusals(provider: Provider, log: Logger): void {
  const limit = createEventLimit(REFUSALS_PER_HOUR);
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
