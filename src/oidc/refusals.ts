import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { type AuditEvent, recordEvent } from '../audit/index.ts';
import type { Logger } from '../kit/log.ts';
import type { EngineError } from './engine-internals.ts';

/** What the engine refuses at its endpoints, and what the audit log calls it. */
const ACTIONS: Record<string, string> = {
  'grant.error': 'token_request.refused',
  'introspection.error': 'introspection.refused',
  'revocation.error': 'revocation.refused',
  'userinfo.error': 'userinfo.refused',
  'authorization.error': 'authorization.refused',
};

const HOUR_MS = 3_600_000;
/** So many rows in an hour for one application, action and error code; what is beyond them is counted. */
export const ROWS_AN_HOUR = 60;

interface Window {
  began: number;
  rows: number;
  omitted: number;
}

/**
 * Lets so many refusals of one kind into the audit log in an hour. Anyone can send garbage in the name of an
 * application, whose client_id is no secret: the log must not grow as fast as that comes.
 * @returns what `record` is to be told besides, or undefined when the row is left out
 */
export function createRefusalLimit(now: () => number = Date.now) {
  // As many keys as applications times kinds of error: nothing that a stranger writes is in one.
  const windows = new Map<string, Window>();
  return (event: AuditEvent): { details?: { omitted: number } } | undefined => {
    const key = `${event.clientId} ${event.action} ${event.errorCode}`;
    let window = windows.get(key);
    let omitted = 0;
    if (!window || now() - window.began >= HOUR_MS) {
      omitted = window?.omitted ?? 0;
      window = { began: now(), rows: 0, omitted: 0 };
      windows.set(key, window);
    }
    if (window.rows >= ROWS_AN_HOUR) {
      window.omitted += 1;
      return undefined;
    }
    window.rows += 1;
    return omitted > 0 ? { details: { omitted } } : {};
  };
}

/**
 * Every refusal is a line of the log; one that names an application of ours is an audit row as well, in the commit
 * of the request that is refused. The row has the public description: the detail may quote what was sent.
 * @param onGrantError tells whether it wrote a row of its own, of a replay
 */
export function auditRefusals(
  provider: Provider,
  log: Logger,
  onGrantError: (ctx: KoaContextWithOIDC, error: EngineError) => boolean,
): void {
  const admit = createRefusalLimit();
  const on = provider.on.bind(provider) as (name: string, listener: (...args: never[]) => void) => void;
  for (const [name, action] of Object.entries(ACTIONS)) {
    on(name, (ctx: KoaContextWithOIDC, error: EngineError) => {
      const { client, account, entities, session } = ctx.oidc;
      log.info({ event: name, client_id: client?.clientId, error: error.error, detail: error.error_detail });
      if (name === 'grant.error' && onGrantError(ctx, error)) return;
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
      const admitted = admit(event);
      if (admitted) recordEvent({ ...event, ...admitted });
    });
  }
}
