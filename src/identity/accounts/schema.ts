import { z } from 'zod';
import { displayNameField, emailField, passwordField, scopesField, usernameField } from '../fields.ts';

/** An account that an operator creates. `scope` is its ceiling: the most that its tokens may carry. */
export const accountInput = z.strictObject({
  username: usernameField,
  email: emailField.optional(),
  name: displayNameField.optional(),
  scope: scopesField.default(['openid', 'profile', 'email']),
  password: passwordField,
});

export type AccountInput = z.input<typeof accountInput>;
