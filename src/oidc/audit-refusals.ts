import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { isVetted } from '../access/registered-via.ts';
import { createEventLimit } from '../audit/event-limit.ts';
import { recordEvent } from '../audit/index.ts';
import { currentUnit } from '../database/unit-of-work.ts';
import type { Logger } from '../kit/log.ts';
import type { EngineClient } from './clients/client-document.ts';
import { detailOf, type EngineError, isGrantTypeRefused } from './engine/errors.ts';
import { recordLastRefusal } from './last-refusal.ts';
import { parameterAtFault } from './parameter-at-fault.ts';
import { recordReplayOf } from './replays.ts';

/** The engine's events for refused requests, and their names in the log and in the audit log. */
const ACTIONS: Record<string, string> = {
  'grant.error': 'token_request.refused',
  'introspection.error': 'introspection.refused',
  'revocation.error': 'revocation.refused',
  'userinfo.error': 'userinfo.refused',
  'connection_call.error': 'connection_call.refused',
  'authorization.error': 'authorization.refused',
  'pushed_authorization_request.error': 'authorization.refused',
  'device_authorization.error': 'authorization.refused',
  'backchannel_authentication.error': 'authorization.refused',
  'code_verification.error': 'authorization.refused',
  'device_resume.error': 'authorization.refused',
  'registration_create.error': 'registration.refused',
  'registration_read.error': 'registration.refused',
  'registration_update.error': 'registration.refused',
  'registration_delete.error': 'registration.refused',
  'end_session.error': 'sign_out.refused',
  'end_session_confirm.error': 'sign_out.refused',
  'end_session_success.error': 'sign_out.refused',
};

/**
 * Errors that are steps of a protocol. With DPoP (RFC 9449 section 8), the client asks again with the nonce of this answer;
 * a device asks again until its user has decided (RFC 8628 section 3.5).
 */
const STEPS = new Set(['use_dpop_nonce', 'authorization_pending', 'slow_down']);

/**
 * The most audit events in an hour for one application, action, error code and parameter. A client_id is no secret, so
 * anyone can send invalid requests in the name of an application.
 */
export const REFUSALS_PER_HOUR = 30;

const MAX_TEXT_LENGTH = 300;

/**
 * Makes each refused request one event: in the log and, if its application is known, in the audit log and at the
 * application, committed with the request. It has the sentence that the application got and the name of the parameter at
 * fault, and no value of a parameter.
 */
export function auditRefusals(provider: Provider, log: Logger): void {
  const limit = createEventLimit(REFUSALS_PER_HOUR);
  const listen: (event: string, listener: (...args: never[]) => void) => void = provider.on.bind(provider);
  for (const [name, action] of Object.entries(ACTIONS)) {
    listen(name, (ctx: KoaContextWithOIDC, error: EngineError) => {
      if (STEPS.has(String(error.error))) return;
      const { client, account, entities, session, params } = ctx.oidc;
      const description = error.error_description?.slice(0, MAX_TEXT_LENGTH);
      const detail = detailOf(error);
      const stated = { error: error.error, error_description: description, error_detail: detail };
      const parameter = parameterAtFault(stated, params);
      const code = isGrantTypeRefused(error) ? 'unauthorized_client' : error.error;
      log.info({
        event: action,
        request_id: ctx.state.requestId,
        client_id: client?.clientId,
        error: code,
        parameter,
        description,
        detail,
      });
      ctx.state.refusal = { error: code, description, detail, parameter };
      if (name === 'grant.error' && recordReplayOf(ctx, error)) return;
      if (!client) return;
      const { clientId } = client;
      const event = {
        action,
        accountId: account?.accountId ?? session?.accountId ?? entities.RefreshToken?.accountId,
        clientId,
        sessionUid: session?.uid,
        success: false,
        errorCode: code,
        errorMessage: description,
      };
      // Refusals of applications that anyone may have registered are counted together.
      const counted = isVetted(client as unknown as EngineClient) ? clientId : 'unvetted';
      const addition = limit({ ...event, clientId: counted }, parameter);
      if (!addition) return;
      recordEvent({ ...event, details: { parameter, description, ...addition.details } });
      recordLastRefusal(currentUnit(), clientId, { action, error: code, description, parameter });
    });
  }
}
