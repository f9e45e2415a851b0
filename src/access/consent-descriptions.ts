import { describeConnectionGrant, describeConnectionScope } from './connection-scopes.ts';

/** What an account has by these scopes, for the person who gets them. Applications are described otherwise. */
const GRANTS: Record<string, string> = {
  '*:*': 'Full access to this server and to every application',
  'latchkey:*': 'Administer this server',
  'connections:*': 'Letting applications use your accounts at other services',
  profile: 'A name that applications may ask you for',
  email: 'An e-mail address that applications may ask you for',
  address: 'A postal address that applications may ask you for',
  phone: 'A phone number that applications may ask you for',
  offline_access: 'Staying signed in to applications',
};

/** Without `offline_access`, for which the consent page has a section (`views/interactions/consent.ejs`). */
const DESCRIPTIONS: Record<string, string> = {
  profile: 'See your profile, such as your name, username, picture, language and time zone',
  email: 'See your e-mail address',
  address: 'See your postal address',
  phone: 'See your phone number',
  'latchkey:accounts': 'Manage the accounts of this server',
  'latchkey:invitations': 'Invite people to this server',
  'latchkey:clients': 'Manage the applications of this server',
  'latchkey:keys': 'Manage the signing keys of this server',
  'latchkey:connections': 'Manage connected accounts on this server',
  'latchkey:audit': 'Read what happened on this server',
  'latchkey:operations': 'Operate this server',
};

/** What every application gets that people sign in to, for the consent page. */
export const SIGN_IN_DESCRIPTION = 'Know who you are when you sign in, and your roles in this application';

/** @returns what the scope lets an application do, for the consent page. For unknown scopes the name is taken apart */
export function describeScope(scope: string): string {
  const known = DESCRIPTIONS[scope] ?? describeConnectionScope(scope);
  if (known) return known;
  const [, thing = scope, verb] = /^(.+?)[.:](.+)$/.exec(scope) ?? [];
  const name = thing.replaceAll(/[-_]/g, ' ');
  if (verb === 'read') return `See your ${name}`;
  if (verb === '*') return `Do everything with your ${name}`;
  if (verb === 'write') return `Add and change your ${name}`;
  return `Use “${scope}”`;
}

/** @returns what an account with this scope may do, for a person who is invited */
export function describeGrant(scope: string): string {
  const known = GRANTS[scope] ?? DESCRIPTIONS[scope] ?? describeConnectionGrant(scope);
  if (known) return known;
  const [, thing = '', verb] = /^(.+?)[.:](.+)$/.exec(scope) ?? [];
  const name = thing.replaceAll(/[-_]/g, ' ');
  if (verb === '*') return `Full use of ${name}`;
  if (verb === 'read') return `Reading ${name}`;
  if (verb === 'write') return `Adding to and changing ${name}`;
  return `Use of “${scope}”`;
}

const CLAIMS: Record<string, string> = {
  name: 'See your name',
  given_name: 'See your given name',
  family_name: 'See your family name',
  locale: 'See your language',
  zoneinfo: 'See your time zone',
  preferred_username: 'See your username',
  picture: 'See your picture',
  middle_name: 'See your middle name',
  nickname: 'See your nickname',
  profile: 'See the address of your profile page',
  website: 'See the address of your website',
  gender: 'See your gender',
  birthdate: 'See your birthdate',
  updated_at: 'See when your profile was last changed',
  email: 'See your e-mail address',
  email_verified: 'See whether your e-mail address is confirmed',
  address: 'See your postal address',
  phone_number: 'See your phone number',
  phone_number_verified: 'See whether your phone number is confirmed',
};

/**
 * @returns the words on the consent page for a claim that an application requests by name, without the scope that
 *   includes it
 */
export function describeClaim(claim: string): string {
  return CLAIMS[claim] ?? `See “${claim}”`;
}

/** @returns the words on the consent page for a claim that an operator gives the application, the same for everyone */
export function describeFixedClaim({ name, value }: { name: string; value?: unknown }): string {
  return `Learn that your “${name}” is “${typeof value === 'string' ? value : JSON.stringify(value)}”`;
}
