import { guessServiceName, parseConnectionScope } from './connection-scopes.ts';
import { SCOPE_DESCRIPTIONS } from './consent-descriptions.ts';

/**
 * What the page of an invitation says about scopes: what the account of the invited person will have. The consent page
 * describes an application (`consent-descriptions.ts`).
 */
const GRANT_DESCRIPTIONS: Record<string, string> = {
  '*:*': 'Full access to this server and to every application',
  'latchkey:*': 'Administer this server',
  'connections:*': 'Letting applications use your accounts at other services',
  profile: 'A name that applications may ask you for',
  email: 'An e-mail address that applications may ask you for',
  address: 'A postal address that applications may ask you for',
  phone: 'A phone number that applications may ask you for',
  offline_access: 'Staying signed in to applications',
};

/** @returns what an account with this scope may do, for a person who is invited; undefined for every other scope */
function describeConnectionGrant(scope: string): string | undefined {
  const parsed = parseConnectionScope(scope);
  if (!parsed) return undefined;
  if (parsed.access === 'token')
    return `Letting applications hold a key to your account at ${guessServiceName(parsed.service)}`;
  const verbs = parsed.access === 'read' ? 'see' : 'see and change';
  return `Letting applications ${verbs} your data at ${guessServiceName(parsed.service)}`;
}

/** @returns what an account with this scope may do, for a person who is invited */
export function describeGrant(scope: string): string {
  const known = GRANT_DESCRIPTIONS[scope] ?? SCOPE_DESCRIPTIONS[scope] ?? describeConnectionGrant(scope);
  if (known) return known;
  const [, thing = '', verb] = /^(.+?)[.:](.+)$/.exec(scope) ?? [];
  const name = thing.replaceAll(/[-_]/g, ' ');
  if (verb === '*') return `Full use of ${name}`;
  if (verb === 'read') return `Reading ${name}`;
  if (verb === 'write') return `Adding to and changing ${name}`;
  return `Use of “${scope}”`;
}
