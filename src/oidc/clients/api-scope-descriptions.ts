import type { Knex } from 'knex';
import { z } from 'zod';
import { isBuiltIn, SCOPE_TOKEN } from '../../access/scopes.ts';
import { type Actor, recordEventIn } from '../../audit/index.ts';
import { inTransaction } from '../../database/transaction.ts';
import { uuidv7 } from '../../kit/ids.ts';
import { parse } from '../../kit/parse.ts';
import { visibleText } from '../../kit/text.ts';

const TABLE = 'T_scope_descriptions';

export interface ScopeDescription {
  scope: string;
  description: string;
}

const input = z.strictObject({
  scope: z
    .string()
    .max(255, 'A scope has at most 255 characters')
    .regex(SCOPE_TOKEN, 'A scope has a character that RFC 6749 does not allow')
    .refine(
      (scope) => !scope.includes('*'),
      'A wildcard is never requested. Describe the scopes that it covers',
    )
    .refine((scope) => !isBuiltIn(scope), 'The scopes of Latchkey itself have their own descriptions'),
  description: visibleText('A description'),
});

/** What the consent page says about the scopes of APIs. */
export function createScopeDescriptions(knex: Knex) {
  const find = async (source: Knex, scopes: string[]): Promise<Map<string, string>> => {
    const rows: ScopeDescription[] =
      scopes.length > 0 ? await source(TABLE).whereIn('scope', scopes).select('scope', 'description') : [];
    return new Map(rows.map(({ scope, description }) => [scope, description]));
  };

  return {
    /** @returns the descriptions of those scopes that have one */
    find: (scopes: string[]) => find(knex, scopes),

    /** All, by scope. */
    list: (): Promise<ScopeDescription[]> => knex(TABLE).select('scope', 'description').orderBy('scope'),

    /** An empty description removes the present one. @throws LatchkeyError invalid_input */
    async describe(actor: Actor, scopeDescription: ScopeDescription): Promise<ScopeDescription> {
      const { scope, description } = parse(input, scopeDescription);
      await inTransaction(knex, async (trx) => {
        await trx(TABLE).where({ scope }).delete();
        if (description !== '')
          await trx(TABLE).insert({ id: uuidv7(), created_at: new Date(), scope, description });
        await recordEventIn(trx, {
          action: 'scope.described',
          actorId: actor.accountId,
          target: scope,
          details: { description },
        });
      });
      return { scope, description };
    },
  };
}

export type ScopeDescriptions = ReturnType<typeof createScopeDescriptions>;
