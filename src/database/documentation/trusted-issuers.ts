import type { TableDescription } from './model.ts';

export const trustedIssuers: Record<string, TableDescription> = {
  T_trusted_issuers: {
    part: 'applications',
    purpose: 'A server whose identity assertions (ID-JAG) give applications access to APIs.',
    columns: {
      issuer: 'The `iss` of its assertions. Compared byte for byte.',
      jwks_uri: 'Where it publishes its keys.',
      subject: 'What finds the account.',
      scopes: 'JSON list: the most that it can grant.',
    },
    values: {
      subject: {
        email: 'the claim `email`, which must be the confirmed address of an account',
        username: 'the claim `sub`, which must be the username of an account',
      },
    },
    indices: { I_trusted_issuers_issuer: 'Each assertion; unique.' },
    security: [
      'Whoever has a key of that server can act for every account within these scopes. An assertion creates no account.',
    ],
    lifetime: 'Until it is removed.',
    initialContent: 'Empty.',
  },
};
