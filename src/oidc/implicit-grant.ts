import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { currentUnit } from '../database/unit-of-work.ts';
import { isImplicit } from './clients/response-types.ts';
import { beforeScopeCheck } from './engine/requests.ts';
import { approveEndedRequest } from './storage/request-links.ts';

/** What counts for a code alone. The engine would ignore these, and the application would believe in limits that its token has not. */
const FOR_CODES = ['resource', 'authorization_details', 'dpop_jkt'];

/**
 * Completes what the engine has of the implicit grant, for a server with the setting
 * (docs/decisions/0039-implicit-grant-for-one-certification.md).
 */
export function completeImplicitGrant(provider: Provider): void {
  beforeScopeCheck(provider, ({ params }) => {
    if (!isImplicit(params?.response_type)) return;
    const named = FOR_CODES.find((name) => params?.[name] !== undefined);
    if (named !== undefined)
      throw new errors.InvalidRequest(
        `${named} needs response_type=code: tokens that come in an address have no such limit`,
      );
  });
  provider.on('authorization.success', (ctx: KoaContextWithOIDC) => {
    if (isImplicit(ctx.oidc.params?.response_type)) approveEndedRequest(currentUnit());
  });
}
