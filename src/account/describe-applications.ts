import {
  describeClaim,
  describeFixedClaim,
  describeScope,
  SIGN_IN_DESCRIPTION,
} from '../access/consent-descriptions.ts';
import { describeResource, describeResourceScope } from '../access/resource-descriptions.ts';
import type { AllowedApplication } from '../oidc/consents/applications.ts';
import { RESOURCE_ITSELF } from '../oidc/resource-access.ts';
import type { SignedInUser } from '../web/signed-in-pages.ts';
import { logoPath } from './logos.ts';

export interface DescriptionDeps {
  /** Finds an active API, from a cache that is at most one second old. */
  findResource(identifier: string): Promise<{ name: string; scopes: string[] } | undefined>;
  /** Returns the scopes that the account's ceiling allows. */
  limitToCeiling(scopes: string[], ceiling: string[]): string[];
}

/** Scopes that are not listed, because the page says both in sentences of its own. */
const UNLISTED = ['openid', 'offline_access'];

/** Leaves out APIs that are disabled: no tokens are issued for them. */
async function describeResources(
  deps: DescriptionDeps,
  { resources }: AllowedApplication,
  descriptions: Map<string, string>,
  user: SignedInUser,
): Promise<string[]> {
  const texts: string[] = [];
  for (const [identifier, allowed] of Object.entries(resources)) {
    const found = await deps.findResource(identifier);
    if (!found || !allowed.includes(RESOURCE_ITSELF)) continue;
    const resource = { identifier, name: found.name };
    const served = deps.limitToCeiling(allowed, user.scopes).filter((scope) => found.scopes.includes(scope));
    texts.push(
      describeResource(resource),
      ...served.map((scope) => describeResourceScope(resource, scope, descriptions)),
    );
  }
  return texts;
}

/** Describes what the application may do, in the words of the consent page. */
export async function describeAccess(
  deps: DescriptionDeps,
  application: AllowedApplication,
  descriptions: Map<string, string>,
  user: SignedInUser,
) {
  const scopes = deps.limitToCeiling(application.scopes, user.scopes);
  return {
    ...application,
    logo: application.hasLogo ? logoPath(application.clientId) : undefined,
    isOffline: scopes.includes('offline_access'),
    allowed: [
      SIGN_IN_DESCRIPTION,
      ...(scopes.includes('openid') ? application.fixedClaims.map(describeFixedClaim) : []),
      ...scopes
        .filter((scope) => !UNLISTED.includes(scope))
        .map((scope) => descriptions.get(scope) ?? describeScope(scope)),
      ...application.claims.map(describeClaim),
      ...(await describeResources(deps, application, descriptions, user)),
    ],
  };
}
