import type { KoaContextWithOIDC } from 'oidc-provider';
import { describesItself } from '../../access/registered-via.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { digest } from '../../kit/ids.ts';
import type { EngineClient } from '../clients/client-document.ts';
import {
  findConsumedRow,
  findEndedInteraction,
  findIssuedCode,
  findStoredRequest,
} from '../storage/request-links.ts';
import { findPresentedFamily } from '../storage/token-families.ts';
import { hashTokenValue } from '../storage/token-values.ts';
import type { Observation, StepName } from './steps.ts';

type OidcContext = KoaContextWithOIDC['oidc'];

/** The name of an attempt that begins with a pushed request, made of its id, which is a secret. */
export function toPushName(jti: unknown): string | undefined {
  if (typeof jti !== 'string') return undefined;
  const hex = Buffer.from(digest(`trace:${jti}`), 'base64url').toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The name of the attempt that began with a request that was pushed; undefined for any other. */
export const findPushName = ({ entities }: OidcContext): string | undefined =>
  toPushName(
    entities.PushedAuthorizationRequest?.jti ??
      (entities.Interaction as { parJti?: string } | undefined)?.parJti,
  );

/** The name of the attempt that begins when an application registers itself. Its client_id is then the id of its row. */
export const toRegistrationName = (clientId: string): string | undefined =>
  clientId.length === 36 ? clientId : undefined;

/** The key of the code that a device or an application presents, or that a user answers. */
function findPresentedKey(name: StepName, { route, body, deviceCode }: OidcContext): string | undefined {
  const value =
    name === 'token' ? (body?.code ?? body?.device_code) : isDeviceRoute(route) && deviceCode?.jti;
  return typeof value === 'string' ? hashTokenValue(value) : undefined;
}

/** Whether the user of a device answers at it. */
export const isDeviceRoute = (route: string): boolean =>
  route === 'code_verification' || route === 'device_resume';

/** The ids by which every server recognizes the attempt, and those under which its earlier steps may be stored. */
export function idsOf(
  name: StepName,
  oidc: OidcContext,
  unit: UnitOfWork,
): Pick<Observation, 'requestId' | 'codeId' | 'codeHash' | 'earlierIds'> {
  const issued = findIssuedCode(unit);
  const isOwn = name === 'token' || name === 'use';
  const request = isOwn ? undefined : (findEndedInteraction(unit)?.id ?? findStoredRequest(unit));
  const isDevice = isDeviceRoute(oidc.route);
  const client = oidc.client as unknown as EngineClient | undefined;
  const registration = client && describesItself(client) ? toRegistrationName(client.clientId) : undefined;
  return {
    // The attempt of a device has the name of its code, which the device presents later.
    requestId: isDevice ? undefined : request,
    codeId:
      issued?.id ?? (isOwn ? (findPresentedFamily(unit)?.id ?? findConsumedRow(unit)?.family) : undefined),
    codeHash: issued?.key ?? findPresentedKey(name, oidc),
    earlierIds: isOwn ? [] : [findPushName(oidc), registration].filter((id) => id !== undefined),
  };
}
