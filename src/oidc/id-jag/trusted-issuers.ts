import type { Knex } from 'knex';
import { z } from 'zod';
import { isBuiltIn, parseScopes, SCOPE_TOKEN } from '../../access/scopes.ts';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import type { Driver } from '../../database/driver/contract.ts';
import { inTransaction, isDuplicate } from '../../database/transaction.ts';
import { LatchkeyError, refuse } from '../../kit/errors.ts';
import { createFreshCache } from '../../kit/fresh-cache.ts';
import { parse } from '../../kit/parse.ts';
import {
  deleteTrustedIssuer,
  findTrustedIssuer,
  insertTrustedIssuer,
  listTrustedIssuers,
  SUBJECTS,
  type TrustedIssuer,
} from './store.ts';

const address = (name: string) =>
  z
    .string()
    .max(255, `${name} has at most 255 characters`)
    .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), `${name} begins with https://`);

const issuerInput = z.strictObject({
  /** The `iss` of its assertions, compared byte for byte. */
  issuer: address('An issuer'),
  jwksUri: address('The address of its keys'),
  subject: z.enum(SUBJECTS, `The subject is one of ${SUBJECTS.join(', ')}`).default('email'),
  scope: z
    .string()
    .transform(parseScopes)
    .refine(
      (scopes) => scopes.length > 0 && scopes.every((one) => SCOPE_TOKEN.test(one)),
      'Name the scopes that the issuer can grant',
    )
    .refine(
      (scopes) => !scopes.some(isBuiltIn),
      'An issuer can grant only scopes of your APIs, not openid or those of Latchkey itself',
    ),
});

export type TrustedIssuerInput = z.input<typeof issuerInput>;

/** The servers whose identity assertions are accepted. Each change is committed together with its audit event. */
export function createTrustedIssuers(deps: { knex: Knex; driver: Driver; issuer: string }) {
  const { knex } = deps;
  const findFresh = createFreshCache<TrustedIssuer>((issuer) => findTrustedIssuer(deps.driver, issuer));

  return {
    /** Finds a trusted issuer, from a cache that is at most one second old. */
    find: (issuer: string): Promise<TrustedIssuer | undefined> =>
      issuer.length > 255 ? Promise.resolve(undefined) : findFresh(issuer),

    list: (): Promise<TrustedIssuer[]> => listTrustedIssuers(knex),

    /** @throws LatchkeyError invalid_input, conflict */
    add(actor: Actor, input: TrustedIssuerInput): Promise<TrustedIssuer> {
      const { issuer, jwksUri, subject, scope } = parse(issuerInput, input);
      if (issuer === deps.issuer)
        refuse(
          'issuer_is_this_server',
          'This server does not accept its own assertions (ID-JAG section 6.3).',
        );
      const added = { issuer, jwks_uri: jwksUri, subject, scopes: scope };
      return inTransaction(knex, async (trx) => {
        await insertTrustedIssuer(trx, added);
        const details = { subject, scope: scope.join(' ') };
        await recordEventIn(trx, {
          action: 'trusted_issuer.added',
          actorId: actor.accountId,
          target: issuer,
          details,
        });
        return added;
      }).catch((error) => {
        if (!isDuplicate(error)) throw error;
        throw new LatchkeyError('conflict', 'issuer_trusted_already', `${issuer} is trusted already.`, {
          cause: error,
        });
      });
    },

    /** Access tokens that its assertions have obtained stay valid until they expire. @throws LatchkeyError not_found */
    remove: (actor: Actor, issuer: string): Promise<void> =>
      inTransaction(knex, async (trx) => {
        if ((await deleteTrustedIssuer(trx, issuer)) === 0)
          throw new LatchkeyError('not_found', 'issuer_not_trusted', `${issuer} is not trusted.`);
        await recordEventIn(trx, {
          action: 'trusted_issuer.removed',
          actorId: actor.accountId,
          target: issuer,
        });
      }),
  };
}

export type TrustedIssuers = ReturnType<typeof createTrustedIssuers>;
