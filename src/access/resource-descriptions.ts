import { describeScope } from './consent-descriptions.ts';

/** An API as people know it. */
interface NamedResource {
  name: string;
  identifier: string;
}

/** @returns the words on the consent page for the use of an API, apart from its scopes */
export const describeResource = ({ name, identifier }: NamedResource): string =>
  name === identifier ? `Use ${identifier} for you` : `Use “${name}” (${identifier}) for you`;

/**
 * @param descriptions those that an administrator gave to scopes
 * @returns the words on the consent page for a scope of an API
 */
export const describeResourceScope = (
  { name }: NamedResource,
  scope: string,
  descriptions: Map<string, string>,
): string => `${descriptions.get(scope) ?? describeScope(scope)}, at “${name}”`;
