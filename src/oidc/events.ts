import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { recordEvent } from '../audit/index.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import type { Logger } from '../kit/log.ts';
import { auditRefusals } from './audit-refusals.ts';

/** The key in a unit's memory under which an unexpected error of the engine is kept: nothing is then committed. */
export const UNEXPECTED_ERROR = 'oidc.unexpected-error';

type Listen = (event: string, listener: (...args: never[]) => void) => void;

/**
 * Turns the engine's events into audit events, which are committed with the request, and into lines of the log.
 * @param recordClientUse is called with a client that was given a code or a token
 */
export function auditEngineEvents(
  provider: Provider,
  log: Logger,
  recordClientUse: (clientId: string) => void,
): void {
  const listen: Listen = provider.on.bind(provider);
  const subjectOf = ({ oidc }: KoaContextWithOIDC) => ({
    accountId: oidc.account?.accountId ?? oidc.entities.Session?.accountId,
    clientId: oidc.client?.clientId,
    sessionUid: oidc.session?.uid,
  });

  auditRefusals(provider, log);
  for (const success of ['authorization.success', 'grant.success']) {
    listen(success, (ctx: KoaContextWithOIDC) => {
      if (ctx.oidc.client) recordClientUse(ctx.oidc.client.clientId);
    });
  }
  listen('grant.revoked', (ctx: KoaContextWithOIDC, grantId: string) => {
    recordEvent({ action: 'grant.revoked', ...subjectOf(ctx), target: grantId });
  });
  listen('end_session.success', (ctx: KoaContextWithOIDC) =>
    recordEvent({ action: 'sign_out.succeeded', ...subjectOf(ctx) }),
  );
  for (const model of ['access_token', 'refresh_token', 'client_credentials']) {
    listen(`${model}.destroyed`, (token: { accountId?: string; clientId?: string }) => {
      recordEvent({ action: `${model}.revoked`, accountId: token.accountId, clientId: token.clientId });
    });
  }
  listen('server_error', (_ctx: KoaContextWithOIDC, error: Error) => {
    currentUnit().memory.set(UNEXPECTED_ERROR, error);
    log.error({ event: 'server_error', err: error });
  });
}
