import { z } from 'zod';
import { PROTOCOL_SCOPES } from '../../access/scopes.ts';
import { FORBIDDEN } from '../../kit/parse.ts';
import { endOf, LIFETIME_PATTERN } from '../../kit/parse-lifetime.ts';
import { isStorable, visibleText } from '../../kit/text.ts';
import { emailField, roleField, scopesField } from '../fields.ts';
import { DEFAULT_LIFETIME } from './default-lifetime.ts';

const scopes = scopesField.refine((list) => list.length > 0, 'Name at least one scope');

const expiresIn = z
  .string()
  .regex(LIFETIME_PATTERN, 'Enter the time until it expires as 30m, 24h, 7d, 4w or never')
  .transform(endOf);

const invitationInput = z.strictObject({
  scope: scopes.default(['openid', 'profile', 'email']),
  roles: z.array(roleField).max(50, 'An invitation can grant at most 50 roles').default([]),
  label: visibleText('A label').optional(),
  email: emailField.optional(),
  maxUses: z.coerce
    .number('Enter the number of uses as a number')
    .int('Enter the number of uses as a whole number')
    .min(1, 'Allow at least 1 use')
    .max(10_000, 'Allow at most 10,000 uses')
    .default(1),
  expiresIn: expiresIn.prefault(DEFAULT_LIFETIME),
});

/**
 * An invitation by somebody who can grant only what they hold, and how many of it to create.
 * @param holds whether they hold a scope
 * @param hasRole whether they hold a role
 */
export const grantedInput = (holds: (scope: string) => boolean, hasRole: (role: string) => boolean) =>
  invitationInput.extend({
    scope: invitationInput.shape.scope.superRefine((scopes, { addIssue }) => {
      const beyond = scopes.filter((scope) => !PROTOCOL_SCOPES.has(scope) && !holds(scope));
      for (const scope of beyond)
        addIssue({
          code: 'custom',
          params: FORBIDDEN,
          message: `You do not hold ${scope}, so you cannot grant it`,
        });
    }),
    roles: invitationInput.shape.roles.superRefine((roles, { addIssue }) => {
      for (const role of roles.filter((name) => !hasRole(name)))
        addIssue({
          code: 'custom',
          params: FORBIDDEN,
          message: `You do not hold the role ${role}, so you cannot grant it`,
        });
    }),
    count: z.coerce
      .number('Enter how many invitations to create as a number')
      .int('Enter how many invitations to create as a whole number')
      .min(1, 'Create at least 1 invitation')
      .max(1000, 'Create at most 1,000 invitations at a time'),
  });

/** Which page of the invitations to list, newest first. `after` is the id of the last invitation of the page before; `batch`: of one that was created with those to list. */
export const invitationQueryInput = z.object({
  state: z
    .enum(
      ['waiting', 'used', 'expired', 'revoked', 'all'],
      'The state is one of waiting, used, expired, revoked and all',
    )
    .default('all'),
  search: z
    .string()
    .max(255, 'Search for at most 255 characters')
    .refine(isStorable, 'The text to search for cannot be read')
    .transform((text) => text.trim().toLowerCase())
    .default(''),
  after: z.uuid('The list cannot continue from there. Start again at the first page').optional(),
  batch: z.uuid('There is no such batch of invitations').optional(),
  limit: z.coerce
    .number('Enter the limit as a number')
    .int('Enter the limit as a whole number')
    .min(1, 'The limit must be at least 1')
    .max(1000, 'The limit must be at most 1000')
    .default(1000),
});

export type InvitationQuery = z.input<typeof invitationQueryInput>;
export type InvitationInput = z.input<typeof invitationInput>;
