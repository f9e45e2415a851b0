/** What an application asks to do once or in detail (RFC 9396 section 2). Its other members depend on the type. */
export interface AuthorizationDetail {
  [member: string]: unknown;
  type: string;
}

/** One entry of `authorization_details` in words, with everything that the application asks for. */
export interface DescribedDetail {
  text: string;
  facts: { label: string; value: string }[];
}

/** An API, as far as it has types of authorization details. */
interface TypedResource {
  name: string;
  /** The words for each type. */
  authorizationTypes: Record<string, string>;
}

/** The names of members that RFC 9396 section 2.2 defines. */
const LABELS: Record<string, string> = {
  actions: 'Actions',
  locations: 'Where',
  datatypes: 'Data',
  identifier: 'What',
  privileges: 'Privileges',
};

const isList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.keys(value).length > 0;

/** Every member, and those inside of it, by its name. */
const factsOf = (members: object, path: string[] = []): DescribedDetail['facts'] =>
  Object.entries(members).flatMap(([name, value]) => {
    const names = [...path, path.length === 0 ? (LABELS[name] ?? name) : name];
    if (!isList(value) && isObject(value)) return factsOf(value, names);
    const text = isList(value) ? value.join(', ') : typeof value === 'string' ? value : JSON.stringify(value);
    return { label: names.join(' '), value: text };
  });

/** @param resources those of the request, in whose words the types are described; undefined for one that is disabled */
export const describeDetails = (
  details: AuthorizationDetail[],
  resources: (TypedResource | undefined)[],
): DescribedDetail[] =>
  details.map(({ type, ...members }) => {
    const owner = resources.find((one) => one && Object.hasOwn(one.authorizationTypes, type));
    return {
      text: owner ? `${owner.authorizationTypes[type]} (${owner.name})` : `Use “${type}”`,
      facts: factsOf(members),
    };
  });

/** The types of the details, for the audit log. */
export const listTypes = (details: AuthorizationDetail[] | undefined): string | undefined =>
  details?.map(({ type }) => type).join(' ');
