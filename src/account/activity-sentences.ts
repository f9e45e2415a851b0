import type { AccountEvent } from '../audit/history.ts';
import { OWN_CLIENT_ID } from '../oidc/clients/own-client.ts';

export const GROUPS = ['sign-ins', 'security', 'applications'] as const;

export type ActivityGroup = (typeof GROUPS)[number];

type Words = (event: AccountEvent) => string;

const application = ({ clientName }: AccountEvent) => clientName ?? 'a deleted application';
const toApplication = (event: AccountEvent) =>
  event.clientId === null || event.clientId === OWN_CLIENT_ID ? '' : ` to ${application(event)}`;
const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
/** Such as “passkey “Phone””, as far as the event has it. */
function keyOf({ details }: AccountEvent): string {
  const name = text(details.name);
  const kind = details.kind === 'security_key' ? 'security key' : 'passkey';
  return name === undefined ? 'key' : `${kind} “${name}”`;
}

/** What somebody signed in with. */
function methodOf({ details: { method, service } }: AccountEvent): string {
  if (method === 'connection') return `account at ${text(service) ?? 'another service'}`;
  return method === 'passkey' ? 'passkey' : 'password';
}

const signIns: Record<string, Words> = {
  'sign_in.succeeded': (event) => `You signed in${toApplication(event)} with your ${methodOf(event)}`,
  'sign_in.failed': ({ errorCode, details: { method, service } }) =>
    method === 'connection'
      ? `A sign-in with your account at ${text(service) ?? 'another service'} was refused, because it is not allowed`
      : errorCode === 'wrong_password'
        ? 'A sign-in with a wrong password was refused'
        : 'A sign-in with a password was refused, because too many had failed',
  'second_factor.succeeded': ({ details }) =>
    `You confirmed a sign-in with your ${details.method === 'key' ? 'security key' : 'code'}`,
  'second_factor.failed': () => 'A sign-in with a wrong code was refused',
  'passkey.refused': () => 'A passkey or security key was refused',
  'sign_out.succeeded': () => 'You signed out',
  'session.ended': () => 'A browser was signed out',
};

const security: Record<string, Words> = {
  'account.created': () => 'Your account was created',
  'account.updated': ({ details: { changed } }) => {
    const columns = Array.isArray(changed) ? changed : [];
    if (columns.includes('username')) return 'Your username was changed';
    return columns.includes('preferences') ? 'Your preferences were changed' : 'Your profile was changed';
  },
  'account.disabled': () => 'Your account was disabled',
  'account.enabled': () => 'Your account was enabled again',
  'data.requested': () => 'A file with your data was requested',
  'account.closing': () => 'Your account was closed, to be deleted after seven days',
  'account.kept': () => 'Your account was kept, because you signed in',
  'account.role_granted': ({ details }) => `You were given the role ${text(details.role) ?? ''}`,
  'account.role_withdrawn': ({ details }) => `Your role ${text(details.role) ?? ''} was taken back`,
  'account.taken_over': () =>
    'Your e-mail address was confirmed, and everything set up before that was removed',
  'invitation.redeemed': () => 'An invitation was used',
  'password.added': () => 'A password was set',
  'password.removed': () => 'Your password was removed',
  'password.changed': () => 'Your password was changed',
  'reset.requested': () => 'A link to set a new password was requested',
  'reset.done': () => 'A new password was set with a link',
  'email.change_requested': () => 'A link to confirm an e-mail address was requested',
  'email.changed': () => 'Your e-mail address was changed',
  'email.verified': () => 'Your e-mail address was confirmed',
  'passkey.added': (event) => `The ${keyOf(event)} was added`,
  'passkey.signed': () => 'A new key was approved',
  'passkey.renamed': () => 'A key was renamed',
  'passkey.removed': (event) => `The ${keyOf(event)} was removed`,
  'passkey.counter_regressed': () => 'One of your keys may have been copied',
  'connection.sign_in_allowed': ({ details }) =>
    `Signing in with your account at ${text(details.service) ?? ''} was allowed`,
  'connection.sign_in_ended': ({ details }) =>
    `Signing in with your account at ${text(details.service) ?? ''} was ended`,
  'totp.added': () => 'An authenticator app was set up',
  'totp.removed': () => 'The authenticator app was removed',
  'recovery_codes.made': () => 'Recovery codes were created',
  'change.disputed': () => 'A change was reported as not yours, and you were signed out everywhere',
  'recovery_code.used': () => 'A recovery code was used to create a new passkey',
  'recovery_link.created': () => 'A link to get back into your account was created',
  'recovery_link.used': () => 'A link or code to get back into your account was used',
};

const applications: Record<string, Words> = {
  'consent.granted': (event) => `You allowed ${application(event)} to use your account`,
  'device.connected': (event) => `You connected a device to ${application(event)}`,
  'consent.denied': (event) => `You did not allow ${application(event)} to use your account`,
  'consent.withdrawn': (event) => `The access of ${application(event)} was taken back`,
  'sign_in_request.approved': (event) => `You let ${application(event)} sign you in`,
  'sign_in_request.denied': (event) => `You did not let ${application(event)} sign you in`,
  'identity_assertion.issued': (event) => `${application(event)} got access to another service in your name`,
  'identity_assertion.accepted': (event) =>
    `${application(event)} got access to your account, as your organization allows`,
  'connection.created': ({ details }) => `You connected an account at ${text(details.service) ?? ''}`,
  'connection.renewed': ({ details }) => `You connected your account at ${text(details.service) ?? ''} again`,
  'connection.removed': ({ details }) => `An account at ${text(details.service) ?? ''} was disconnected`,
  'connection.refused': ({ details }) => `An account at ${text(details.service) ?? ''} was not connected`,
  'connection.withdrawn': (event) =>
    `The access of ${application(event)} to your account at ${text(event.details.service) ?? ''} was taken back`,
  'connection.damaged': () => 'A stored credential of another service could not be read, so it is not used',
  'token.exchanged': (event) => `${application(event)} used your account at another service`,
  'token.handed_out': (event) =>
    `${application(event)} was given a token for your account at ${text(event.details.service) ?? ''}`,
  'backchannel_logout.failed': (event) =>
    `${application(event)} did not learn that you signed out, so you may still be signed in there`,
  'refresh_token.revoked': (event) => `${application(event)} gave up its access`,
  'code_replay.detected': (event) =>
    `The access of ${application(event)} was ended, because one of its codes was used twice`,
  'refresh_token_reuse.detected': (event) =>
    `The access of ${application(event)} was ended, because one of its old tokens was used again`,
};

const SENTENCES: Record<ActivityGroup, Record<string, Words>> = {
  'sign-ins': signIns,
  security,
  applications,
};
const WORDS = new Map(GROUPS.flatMap((group) => Object.entries(SENTENCES[group])));

/** Events of an application. Their address and browser are those of the application's own server. */
const BY_APPLICATION = new Set([
  'token.exchanged',
  'token.handed_out',
  'refresh_token.revoked',
  'code_replay.detected',
  'refresh_token_reuse.detected',
]);

/** The actions that the page shows. @param group undefined: all */
export const shownActions = (group?: ActivityGroup): string[] =>
  group === undefined ? [...WORDS.keys()] : Object.keys(SENTENCES[group]);

export const isByApplication = ({ action }: AccountEvent): boolean => BY_APPLICATION.has(action);

/** The words for an actor who is not the owner of the account. */
function actorOf({ actorId }: AccountEvent, accountId: string): string {
  if (actorId === accountId) return '';
  return actorId === null ? ' by the people who run this server' : ' by an administrator';
}

/** @returns what happened, without a full stop */
export function describeEvent(event: AccountEvent, accountId: string): string {
  const sentence = WORDS.get(event.action)?.(event) ?? event.action;
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}${actorOf(event, accountId)}`;
}
