import type { Service } from '../services/service-config.ts';
import type { UpstreamIdentity } from '../vault/connection-store.ts';
import { UpstreamFault } from './faults.ts';

/** The member at a path such as `user.id`. Only own members count: an answer may not reach what every object has. */
function memberAt(source: unknown, path: string | undefined): unknown {
  let found = source;
  for (const name of path?.split('.') ?? []) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return path === undefined ? undefined : found;
}

/** PostgreSQL refuses NUL. Other control characters have no place in a name, either. */
const clean = (value: unknown): string | undefined =>
  typeof value === 'string'
    ? value
        .toWellFormed()
        .replaceAll(/\p{Cc}/gu, '')
        .trim()
        .slice(0, 255) || undefined
    : undefined;

/**
 * No space at either end: MariaDB and MySQL compare text as if spaces at its end were not there, so one account could
 * stand for another.
 */
const ACCOUNT_ID = /^(?!\s)[^\p{Cc}\p{Cs}]{1,255}(?<!\s)$/u;

/** A picture is shown as a link at most, and never loaded by this server. */
const toPicture = (value: unknown): string | undefined =>
  typeof value === 'string' && URL.parse(value)?.protocol === 'https:' ? value : undefined;

/**
 * Whose account it is at the service.
 * @param answer claims of an ID token, or the JSON of the service's userinfo or API
 * @throws UpstreamFault when the answer does not name an account
 */
export function readIdentity({ settings }: Service, answer: unknown): UpstreamIdentity {
  const { identity } = settings;
  const id = memberAt(answer, identity.id);
  const externalId = typeof id === 'number' && Number.isSafeInteger(id) ? String(id) : id;
  if (typeof externalId !== 'string' || !ACCOUNT_ID.test(externalId))
    throw new UpstreamFault('upstream_answer_invalid');
  return {
    id: externalId,
    email: clean(memberAt(answer, identity.email)),
    isEmailVerified: memberAt(answer, identity.emailVerified) === true,
    displayName: clean(memberAt(answer, identity.name)),
    avatarUrl: toPicture(memberAt(answer, identity.picture)),
  };
}
