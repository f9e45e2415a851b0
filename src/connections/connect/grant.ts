import type { Service } from '../services/service-config.ts';
import type { AccessLevel } from '../vault/connection-store.ts';

/** These say who the person is, and are not about their data. Services also grant them under other names. */
const IDENTITY_SCOPES = new Set(['openid', 'email', 'profile', 'offline_access']);

/** A list of scopes as services write it: most put spaces between, GitHub commas. */
const parseScopes = (scope: string) => scope.split(/[\s,]+/).filter(Boolean);

/** @param scope of an answer. RFC 6749 section 5.1: without it, everything that was asked is granted @returns what is granted */
export const readGrant = (asked: string[], scope: string | undefined): string =>
  (scope === undefined ? asked : parseScopes(scope)).join(' ');

/** What was asked and not granted, in words: at some services people untick scopes. */
export function describeMissing(asked: string[], scope: string | undefined): string[] {
  if (scope === undefined) return [];
  const granted = parseScopes(scope);
  return asked
    .filter((one) => !IDENTITY_SCOPES.has(one) && !granted.includes(one))
    .map(describeUpstreamScope);
}

/** The most that a credential with these scopes can do. */
export function accessLevelOf({ authType, settings }: Service, scope: string): AccessLevel {
  if (authType === 'api_key') return 'admin';
  const granted = parseScopes(scope);
  const has = (scopes: string[] = []) => scopes.some((one) => granted.includes(one));
  if (has(settings.writeScopes)) return 'write';
  return settings.readScopes === undefined ? 'write' : 'read';
}

const ACTS: [ending: RegExp, act: string][] = [
  [/\.?readonly$|\.?read$|^read:/i, 'reading'],
  [/\.?readwrite$|\.?modify$|\.?write$|^write:/i, 'reading and changing'],
];

/** @returns a scope of a service in words: `https://www.googleapis.com/auth/calendar.readonly` is “Calendar, reading” */
function describeUpstreamScope(scope: string): string {
  const last = scope.split('/').filter(Boolean).at(-1) ?? scope;
  const act = ACTS.find(([ending]) => ending.test(last));
  const thing = (act ? last.replace(act[0], '') : last).replaceAll(/[._:-]+/g, ' ').trim() || last;
  const name = `${thing.charAt(0).toUpperCase()}${thing.slice(1)}`;
  return act ? `${name}, ${act[1]}` : name;
}

/** What a credential can read or change there, in words; without what only says who the person is. */
export const describeGrant = (scope: string | undefined): string[] =>
  parseScopes(scope ?? '')
    .filter((one) => !IDENTITY_SCOPES.has(one) && !/\/userinfo\.(email|profile)$/.test(one))
    .map(describeUpstreamScope);
