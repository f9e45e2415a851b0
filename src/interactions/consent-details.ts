import { type AuthorizationDetail, readDetails } from '../oidc/authorization-details.ts';
import type { ConsentResourceDeps } from './consent-resources.ts';
import type { Details } from './interaction.ts';

/** The names of members that RFC 9396 section 2.2 defines. */
const LABELS: Record<string, string> = {
  actions: 'Actions',
  locations: 'Where',
  datatypes: 'Data',
  identifier: 'What',
  privileges: 'Privileges',
};

/** A line of the consent page about one entry of `authorization_details`, with everything that the application asks for. */
interface DetailItem {
  text: string;
  /** Nothing of them is remembered. */
  isEarlier: false;
  facts: { label: string; value: string }[];
}

const isList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.keys(value).length > 0;

/** Every member, and those inside of it, by its name. */
const factsOf = (members: object, path: string[] = []): DetailItem['facts'] =>
  Object.entries(members).flatMap(([name, value]) => {
    const names = [...path, path.length === 0 ? (LABELS[name] ?? name) : name];
    if (!isList(value) && isObject(value)) return factsOf(value, names);
    const text = isList(value) ? value.join(', ') : typeof value === 'string' ? value : JSON.stringify(value);
    return { label: names.join(' '), value: text };
  });

const describedMembers = ({ type: _, ...members }: AuthorizationDetail) => factsOf(members);

/**
 * The lines about the authorization details of a request (RFC 9396), in the words that its resources have for each type.
 * @param deps `findResource`: an active API
 */
export async function detailItems(
  { findResource }: Pick<ConsentResourceDeps, 'findResource'>,
  { params }: Pick<Details, 'params'>,
): Promise<DetailItem[]> {
  const identifiers = [(params.resource ?? []) as string | string[]].flat();
  const resources = await Promise.all(identifiers.map(findResource));
  return (readDetails(params) ?? []).map((detail) => {
    const owner = resources.find((one) => one && Object.hasOwn(one.authorizationTypes, detail.type));
    return {
      text: owner ? `${owner.authorizationTypes[detail.type]} (${owner.name})` : `Use “${detail.type}”`,
      isEarlier: false,
      facts: describedMembers(detail),
    };
  });
}

/** The types of the details, for the audit log. */
export const detailTypes = ({ params }: Pick<Details, 'params'>): string | undefined =>
  readDetails(params)
    ?.map(({ type }) => type)
    .join(' ');
