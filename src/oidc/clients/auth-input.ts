import { z } from 'zod';
import { keySetFault } from '../../kit/public-keys.ts';
import { ASSERTION_ALGS, AUTH_METHODS, SUBJECT_MEMBERS, type SubjectKind } from './auth-methods.ts';
import { parseDistinguishedName } from './certificate-names.ts';
import type { ClientKeySet } from './key-sets.ts';
import { webAddress } from './web-address.ts';

const SUBJECT_RULE = `A certificate subject is ${Object.keys(SUBJECT_MEMBERS).join(', ')}, then = and a name, such as dns=reports.example`;

/** `dns=reports.example` as the member of RFC 8705 section 2.1.2 that it stands for, with its value. */
const certificateSubject = z
  .string()
  .max(1000, SUBJECT_RULE)
  .regex(/^(dn|dns|uri|ip|email)=[^\s\p{Cc}]\P{Cc}*$/u, SUBJECT_RULE)
  .refine(
    (text) => !text.startsWith('dn=') || parseDistinguishedName(text.slice(3)) !== undefined,
    'A distinguished name is written as in CN=reports,O=Harbour,C=DE (RFC 4514)',
  )
  .transform((text): Record<string, string> => {
    const [kind = '', ...value] = text.split('=');
    return { [SUBJECT_MEMBERS[kind as SubjectKind]]: value.join('=') };
  });

const jwks = z.custom<ClientKeySet>().check((context) => {
  const message = keySetFault(context.value);
  if (message) context.issues.push({ code: 'custom', input: context.value, message });
});

/** How an application proves who it is, both when it is registered and when it is changed. */
export const authentication = {
  /** Unless it is public. By default `client_secret_basic`, which includes `client_secret_post`. */
  authMethod: z
    .enum(AUTH_METHODS, `The authentication method is one of ${AUTH_METHODS.join(', ')}`)
    .optional(),
  /** The only algorithm of its client assertions; by default any that its keys can have. */
  authSigningAlg: z
    .enum(ASSERTION_ALGS, `The algorithm of client assertions is one of ${ASSERTION_ALGS.join(', ')}`)
    .optional(),
  /** Its public keys, for `private_key_jwt`, or its certificates, for `self_signed_tls_client_auth`. Replaces `jwksUri`. */
  jwks: jwks.optional(),
  /** Where they are published. Replaces `jwks`. */
  jwksUri: webAddress.optional(),
  /** What its certificate must have, for `tls_client_auth`: `dns=reports.example`. */
  certificateSubject: certificateSubject.optional(),
};
