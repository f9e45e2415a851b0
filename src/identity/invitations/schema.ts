import { z } from 'zod';
import { FORBIDDEN } from '../../kit/parse.ts';
import { email } from '../accounts/schema.ts';

/** Part of every sign-in, and no power: needs none to give. */
export const PROTOCOL_SCOPES = ['openid', 'offline_access'];

const VISIBLE = /^[^\p{Cc}\u202a-\u202e\u2066-\u2069]*$/u;
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

const scopes = z
  .string()
  .max(4000, 'The scopes are longer than 4000 characters')
  .transform((value) => [...new Set(value.split(/\s+/).filter(Boolean))])
  .refine((list) => list.every((scope) => SCOPE.test(scope)), 'A scope has characters that none may have')
  .refine((list) => list.length > 0, 'Name at least one scope');

export const role = z
  .string()
  .trim()
  .regex(
    /^[\p{L}\p{N}][\p{L}\p{N}._:-]{0,63}$/u,
    'A role is one word of at most 64 letters, digits, . _ : or -',
  );

const UNITS: Record<string, number> = { m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `7d`, `24h`, `never` → when it ends, counted from now. */
const expiresIn = z
  .string()
  .regex(/^(never|[1-9]\d{0,4}[mhdw])$/, 'Say when it ends as 30m, 24h, 7d, 4w or never')
  .transform((value) =>
    value === 'never'
      ? null
      : new Date(Date.now() + Number(value.slice(0, -1)) * 1000 * (UNITS[value.slice(-1)] ?? 0)),
  );

export const invitationInput = z.strictObject({
  scope: scopes.default(['openid', 'profile', 'email']),
  roles: z.array(role).max(50, 'At most 50 roles').default([]),
  label: z
    .string()
    .trim()
    .max(255, 'A label has at most 255 characters')
    .regex(VISIBLE, 'A label has no control characters')
    .optional(),
  email: email.optional(),
  maxUses: z.coerce
    .number('Say how often it may be used as a number')
    .int('Say how often it may be used as a whole number')
    .min(1, 'It is good for at least one use')
    .max(10_000, 'It is good for at most 10,000 uses')
    .default(1),
  expiresIn: expiresIn.default(() => new Date(Date.now() + 7 * 86_400_000)),
});

/**
 * The same from somebody who grants only what they hold, and how many are made at once.
 * @param holds whether they hold a scope
 * @param hasRole whether they hold a role
 */
export const grantedInput = (holds: (scope: string) => boolean, hasRole: (role: string) => boolean) =>
  invitationInput.extend({
    scope: invitationInput.shape.scope.superRefine((scopes, { addIssue }) => {
      const beyond = scopes.filter((scope) => !PROTOCOL_SCOPES.includes(scope) && !holds(scope));
      for (const scope of beyond)
        addIssue({
          code: 'custom',
          params: FORBIDDEN,
          message: `You do not hold ${scope}, so you cannot grant it`,
        });
    }),
    roles: invitationInput.shape.roles.superRefine((roles, { addIssue }) => {
      for (const one of roles.filter((given) => !hasRole(given)))
        addIssue({
          code: 'custom',
          params: FORBIDDEN,
          message: `You do not hold the role ${one}, so you cannot grant it`,
        });
    }),
    count: z.coerce
      .number('Say how many to make as a number')
      .int('Say how many to make as a whole number')
      .min(1, 'Make at least one')
      .max(1000, 'Make at most 1,000 at a time'),
  });

/** How the ledger is looked through: newest first, `after` being the id of the last one seen. */
export const invitationQueryInput = z.object({
  state: z.enum(['waiting', 'used', 'expired', 'revoked', 'all'], 'There is no such state').default('all'),
  search: z
    .string()
    .max(255, 'Search for at most 255 characters')
    .transform((text) => text.trim().toLowerCase())
    .default(''),
  after: z.uuid('This is no place in the list').optional(),
  limit: z.coerce
    .number('The limit is a number')
    .int('The limit is a whole number')
    .min(1, 'The limit is at least 1')
    .max(1000, 'The limit is at most 1000')
    .default(1000),
});

export type InvitationQuery = z.input<typeof invitationQueryInput>;
export type InvitationInput = z.input<typeof invitationInput>;
