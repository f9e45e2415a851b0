import { guessServiceName, parseConnectionScope } from './connection-scopes.ts';

/**
 * What the consent page says about scopes. The words for `offline_access` are in the view `interactions/consent.ejs`, which has a
 * section for it; those for scopes of APIs are set with `latchkey scope describe`.
 */
export const SCOPE_DESCRIPTIONS: Record<string, string> = {
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

/**
 * @param displayName of the service, if it is known
 * @returns what a scope for connected accounts lets an application do; undefined for every other scope
 */
export function describeConnectionScope(scope: string, displayName?: string): string | undefined {
  const parsed = parseConnectionScope(scope);
  if (!parsed) return undefined;
  const { service, access } = parsed;
  const name = displayName ?? guessServiceName(service);
  if (access === 'token')
    return `Hold a key to the account that you connect at ${name}. It opens everything that you allow there, without going through this server`;
  const verbs = access === 'read' ? 'See' : 'See, add, change and delete';
  return `${verbs} your data at ${name}, with the account that you connect`;
}

/** @returns what the scope lets an application do, for the consent page. For unknown scopes the name is taken apart */
export function describeScope(scope: string): string {
  const known = SCOPE_DESCRIPTIONS[scope] ?? describeConnectionScope(scope);
  if (known) return known;
  const [, thing = scope, verb] = /^(.+?)[.:](.+)$/.exec(scope) ?? [];
  const name = thing.replaceAll(/[-_]/g, ' ');
  if (verb === 'read') return `See your ${name}`;
  if (verb === '*') return `Do everything with your ${name}`;
  if (verb === 'write') return `Add and change your ${name}`;
  return `Use “${scope}”`;
}

/** What the consent page says about claims. */
const CLAIM_DESCRIPTIONS: Record<string, string> = {
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
  return CLAIM_DESCRIPTIONS[claim] ?? `See “${claim}”`;
}

/** @returns the words on the consent page for a claim that an operator gives the application, the same for everyone */
export function describeFixedClaim({ name, value }: { name: string; value?: unknown }): string {
  return `Learn that your “${name}” is “${typeof value === 'string' ? value : JSON.stringify(value)}”`;
}
