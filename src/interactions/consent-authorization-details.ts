import { type DescribedDetail, describeDetails } from '../access/authorization-detail-descriptions.ts';
import { readAuthorizationDetails } from '../oidc/authorization-details.ts';
import type { ConsentResourceDeps } from './consent-resources.ts';

/**
 * The lines of a page about the authorization details of a request (RFC 9396), in the words that its resources have for each type.
 * @param deps `findResource`: an active API
 */
export async function describeRequestedDetails(
  { findResource }: Pick<ConsentResourceDeps, 'findResource'>,
  params: Record<string, unknown>,
): Promise<DescribedDetail[]> {
  const identifiers = [(params.resource ?? []) as string | string[]].flat();
  return describeDetails(
    readAuthorizationDetails(params) ?? [],
    await Promise.all(identifiers.map(findResource)),
  );
}
