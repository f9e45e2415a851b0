import type { Knex } from 'knex';
import { z } from 'zod';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { toDate } from '../../database/instants.ts';
import { inTransaction } from '../../database/transaction.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import { digest, randomToken, uuidv7 } from '../../kit/ids.ts';
import { parse } from '../../kit/parse.ts';
import { endOf, LIFETIME_PATTERN } from '../../kit/parse-lifetime.ts';
import { visibleText } from '../../kit/text.ts';
import { insertToken, listTokens, revokeToken, type TokenRow } from './token-store.ts';

const tokenInput = z.strictObject({
  description: visibleText('A description').optional(),
  maxUses: z.coerce
    .number('Enter the number of uses as a number')
    .int('Enter the number of uses as a whole number')
    .min(1, 'Allow at least 1 use')
    .max(10_000, 'Allow at most 10,000 uses')
    .prefault(1),
  expiresIn: z
    .string()
    .regex(LIFETIME_PATTERN, 'Enter the time until it expires as 30m, 24h, 7d, 4w or never')
    .transform(endOf)
    .prefault('7d'),
});

export type RegistrationTokenInput = z.input<typeof tokenInput>;

/** An initial access token as commands show it. */
export interface RegistrationToken {
  id: string;
  state: 'active' | 'used' | 'expired' | 'revoked';
  description: string | null;
  uses: number;
  max_uses: number | null;
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
}

const toText = (instant: Date | string | null) => (instant === null ? null : toDate(instant).toISOString());

function stateOf({
  revoked_at,
  max_uses,
  uses,
  expires_at,
}: Pick<TokenRow, 'revoked_at' | 'max_uses' | 'uses' | 'expires_at'>) {
  if (revoked_at !== null) return 'revoked';
  if (expires_at !== null && toDate(expires_at).getTime() <= Date.now()) return 'expired';
  return max_uses !== null && Number(uses) >= max_uses ? 'used' : 'active';
}

const toToken = (row: TokenRow): RegistrationToken => ({
  id: row.id,
  state: stateOf(row),
  description: row.description,
  uses: Number(row.uses),
  max_uses: row.max_uses,
  created_at: toDate(row.created_at).toISOString(),
  expires_at: toText(row.expires_at),
  last_used_at: toText(row.last_used_at),
});

/** Initial access tokens (RFC 7591 section 3): with one, an application may register itself. */
export function createRegistrationTokens(knex: Knex) {
  return {
    /** @returns the token with its value, of which only a digest is stored @throws LatchkeyError invalid_input */
    create(actor: Actor, input: RegistrationTokenInput): Promise<RegistrationToken & { token: string }> {
      const { description, maxUses, expiresIn } = parse(tokenInput, input);
      const token = randomToken();
      return inTransaction(knex, async (trx) => {
        const id = uuidv7();
        await insertToken(trx, {
          id,
          token_hash: digest(token),
          description: description ?? null,
          max_uses: maxUses,
          created_by: actor.accountId,
          expires_at: expiresIn,
        });
        await recordEventIn(trx, {
          action: 'registration_token.created',
          actorId: actor.accountId,
          target: id,
          details: { max_uses: maxUses, expires_at: expiresIn },
        });
        const [created] = (await listTokens(trx)).filter((row) => row.id === id);
        return { ...toToken(created as TokenRow), token };
      });
    },

    /** Every token that is not deleted yet, the newest first. */
    list: async (): Promise<RegistrationToken[]> => (await listTokens(knex)).map(toToken),

    /** Applications that were registered with the token stay. @throws LatchkeyError not_found */
    revoke: (actor: Actor, id: string): Promise<RegistrationToken> =>
      inTransaction(knex, async (trx) => {
        const isRevoked = await revokeToken(trx, id);
        const token = (await listTokens(trx)).find((row) => row.id === id);
        if (!token)
          throw new LatchkeyError(
            'not_found',
            'registration_token_not_found',
            `There is no registration token with the id ${id}.`,
          );
        if (isRevoked)
          await recordEventIn(trx, {
            action: 'registration_token.revoked',
            actorId: actor.accountId,
            target: id,
          });
        return toToken(token);
      }),
  };
}

export type RegistrationTokens = ReturnType<typeof createRegistrationTokens>;
