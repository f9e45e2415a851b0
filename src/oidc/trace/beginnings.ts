import type { Context } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { isVetted } from '../../access/registered-via.ts';
import type { EngineClient } from '../clients/client-document.ts';
import { findPushName } from './attempt-ids.ts';
import { type Observation, stepAt } from './steps.ts';

/**
 * What an application did before its user came: it registered itself, or pushed its request. A request that was pushed without
 * a secret becomes a step only with the sign-in, because anyone can push in the name of an application without one.
 */
export function observeBeginning(
  ctx: Context,
  oidc: KoaContextWithOIDC['oidc'],
  found: Omit<Observation, 'steps' | 'outcome' | 'begins'>,
): Observation | undefined {
  const common = { ...found, outcome: 'open' as const, begins: true, isBeginning: true };
  if (ctx.status !== 201) return undefined;
  if (oidc.route === 'registration') {
    const { client_id: clientId } = ctx.body as { client_id: string };
    return { ...common, clientId, requestId: clientId, earlierIds: [], steps: [stepAt('registration')] };
  }
  const client = oidc.client as unknown as EngineClient | undefined;
  if (!client || client.clientAuthMethod === 'none' || !isVetted(client)) return undefined;
  const requestId = findPushName(oidc);
  const earlierIds = found.earlierIds?.filter((id) => id !== requestId);
  return { ...common, requestId, earlierIds, steps: [stepAt('push')] };
}
