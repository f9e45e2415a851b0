import { errors, Provider } from 'oidc-provider';
import { toDate, toEpoch } from '../../database/instants.ts';
import { type Row, type Statement, selectOne, sql } from '../../database/statements.ts';
import { currentUnit } from '../../database/unit-of-work.ts';
import { digest, uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { completed, requestOf } from './authorization-requests.ts';
import { expiry, type Model, models, type Payload, storedKey } from './models.ts';
import { rememberRelated } from './preload.ts';
import { type ModelStatements, REVOKE_GRANT, statementsOf } from './statements.ts';
import { isOfOtherKind } from './token-values.ts';

/** A row as this unit knows it. The payload stays text: the engine changes what it is given. */
interface Known {
  id: string;
  json: string;
  consumed?: number;
}

/** What a consumed row of this unit was, for the token that takes its place and for the loser of a race. */
export interface Consumed {
  model: string;
  id: string;
  key: string;
  json: string;
}

export const CONSUMED = 'oidc.consumed';

const remembered = (model: Model, key: string) => `${model.table}:${key}`;

const SELECT_OWNER = selectOne({
  columns: 'account_id',
  from: 'T_grants',
  where: sql`id = ${'id'}`,
});

/** Whose grant it is, also when it was revoked. */
async function ownerOf(grantId: string): Promise<string | undefined> {
  const grant = await currentUnit().findKnown<Known>(`T_grants:${grantId}`);
  if (grant) return JSON.parse(grant.json).accountId;
  const row = await currentUnit().readOnce(`T_grants:owner:${grantId}`, () =>
    currentUnit().readOne(SELECT_OWNER, { id: grantId }),
  );
  return row && String(row.account_id);
}

/**
 * The engine's storage for every model that is a row of its own. It reads and writes in the unit of the
 * request; nothing it stores can be presented to anyone.
 */
export class Adapter {
  readonly #name: string;
  readonly #model: Model;
  readonly #secrets: Secrets;
  readonly #statements: ModelStatements;

  constructor(name: string, secrets: Secrets) {
    const model = models[name];
    if (!model) throw new Error(`Latchkey does not store ${name}.`);
    this.#name = name;
    this.#model = model;
    this.#secrets = secrets;
    this.#statements = statementsOf(model);
  }

  async #row(statement: Statement<'key'>, key: string): Promise<Known | undefined> {
    const row = await currentUnit().readOne(statement, { key });
    if (row && this.#model.related) rememberRelated(row);
    return row && this.#known(row);
  }

  #read(key: string): Known | undefined | Promise<Known | undefined> {
    return currentUnit().readOnce(remembered(this.#model, key), () =>
      this.#row(this.#statements.findByKey, key),
    );
  }

  #known(row: Row): Known {
    let json = String(row.payload);
    if (typeof row.code_sealed === 'string') {
      const hidden = this.#secrets.open(row.code_sealed, this.#place(String(row.id)));
      json = JSON.stringify({ ...JSON.parse(json), ...JSON.parse(hidden) });
    }
    return {
      id: String(row.id),
      json,
      consumed: row.consumed_at ? toEpoch(toDate(row.consumed_at)) : undefined,
    };
  }

  #place(id: string) {
    return { table: this.#model.table, column: 'code_sealed', id };
  }

  #payload(known: Known, jti?: string): Payload | undefined {
    const payload: Payload = JSON.parse(known.json);
    // Access tokens and client credentials share a table: each model sees only its own.
    if (payload.kind !== this.#name) return undefined;
    if (jti !== undefined) payload.jti = jti;
    if (known.consumed !== undefined) payload.consumed = known.consumed;
    return payload;
  }

  /** @returns the payload with its `jti` put back; expired rows too: the engine answers for those */
  async find(id: string): Promise<Payload | undefined> {
    if (isOfOtherKind(this.#name, id)) return undefined;
    const known = await this.#read(storedKey(this.#model, id));
    return known && this.#payload(known, id);
  }

  async findByUserCode(userCode: string): Promise<Payload | undefined> {
    const hash = digest(userCode);
    const key = `${this.#model.table}:user_code_hash:${hash}`;
    const known = await currentUnit().readOnce(key, () => this.#row(this.#statements.findByUserCode, hash));
    const payload = known && this.#payload(known);
    if (known && payload) currentUnit().setKnown(remembered(this.#model, digest(String(payload.jti))), known);
    return payload;
  }

  /** Sessions alone are found by uid. */
  async findByUid(): Promise<undefined> {}

  async upsert(id: string, payload: Payload): Promise<void> {
    const key = storedKey(this.#model, id);
    const found = await currentUnit().findKnown<Known>(remembered(this.#model, key));
    const rowId = found?.id ?? (this.#model.key === 'id' ? id : uuidv7());
    const rest: Payload = Object.assign({}, payload, { jti: undefined, consumed: undefined });
    const columns = Object.assign(this.#model.columns(payload), { expires_at: expiry(payload) });
    if (this.#model.sealed) {
      const hidden = Object.fromEntries(this.#model.sealed.map((member) => [member, payload[member]]));
      for (const member of this.#model.sealed) delete rest[member];
      columns.code_sealed = this.#secrets.seal(JSON.stringify(hidden), this.#place(rowId));
    }
    const json = JSON.stringify(rest);
    columns.payload = json;
    const full = this.#model.sealed ? JSON.stringify({ ...payload, consumed: undefined }) : json;
    currentUnit().setKnown(remembered(this.#model, key), {
      id: rowId,
      json: full,
      consumed: found?.consumed,
    });

    const writeKey = `${this.#model.table}:${rowId}`;
    const pending = currentUnit().findWrite(writeKey);
    if (found && pending?.statement.kind !== 'insert') {
      // `consumed_at` is not among the columns: no upsert makes a consumed row usable again.
      const consumed_at = pending?.values.consumed_at;
      const isConsuming = consumed_at !== undefined;
      const values: Row = Object.assign(columns, { id: rowId }, isConsuming && { consumed_at });
      const statement = isConsuming ? this.#statements.changeAndConsume : this.#statements.change;
      currentUnit().write({ statement, values, guard: pending?.guard }, writeKey);
      return;
    }
    const row: Row = Object.assign({ id: rowId, created_at: new Date() }, columns, this.#links());
    row[this.#model.key] = key;
    const isOnce = this.#name === 'AuthorizationCode' && columns.nonce !== null;
    const statement = isOnce ? this.#statements.insertIfNew : this.#statements.insert;
    currentUnit().write({ statement, values: row, guard: isOnce ? 'nonce' : undefined }, writeKey);
  }

  /** Which rows of this unit the new one comes from. */
  #links(): Row {
    const consumed = currentUnit().memory.get(CONSUMED) as Consumed | undefined;
    if (this.#name === 'AuthorizationCode') {
      completed(currentUnit());
      return {
        authorization_request_id: requestOf(currentUnit()) ?? null,
        state: (Provider.ctx?.oidc?.params?.state as string | undefined) ?? null,
      };
    }
    if (this.#model === models.AccessToken) {
      return { authorization_code_id: consumed?.model === 'AuthorizationCode' ? consumed.id : null };
    }
    if (this.#name === 'RefreshToken') {
      return { rotated_from: consumed?.model === 'RefreshToken' ? consumed.id : null };
    }
    return {};
  }

  /**
   * Single use, decided by the database in the commit of this unit: of all requests that come this far with the
   * same value one is committed, the others fail by the guard.
   */
  async consume(id: string): Promise<void> {
    const key = storedKey(this.#model, id);
    const known = await this.#read(key);
    if (!known) throw new errors.InvalidGrant('it is gone');
    const { table } = this.#model;
    const now = new Date();
    currentUnit().write(
      {
        statement: this.#statements.consume,
        values: { id: known.id, consumed_at: now },
        guard: 'consume',
      },
      `${table}:${known.id}`,
    );
    currentUnit().setKnown(remembered(this.#model, key), {
      id: known.id,
      json: known.json,
      consumed: toEpoch(now),
    });
    const consumed: Consumed = { model: this.#name, id: known.id, key, json: known.json };
    currentUnit().memory.set(CONSUMED, consumed);
  }

  async destroy(id: string): Promise<void> {
    const key = storedKey(this.#model, id);
    const { table } = this.#model;
    const known = await currentUnit().findKnown<Known>(remembered(this.#model, key));
    currentUnit().setKnown(remembered(this.#model, key), undefined);
    const writeKey = `${table}:${known?.id ?? key}`;
    if (this.#name === 'Grant') {
      currentUnit().write({ statement: REVOKE_GRANT, values: { id, revoked_at: new Date() } }, writeKey);
      return;
    }
    // Replaces what this unit wrote to the row, but keeps the guard: another request may have used it first.
    const pending = currentUnit().findWrite(writeKey);
    const isConsuming = pending?.values.consumed_at !== undefined;
    const statement = isConsuming ? this.#statements.removeUnused : this.#statements.remove;
    const guard = isConsuming ? pending?.guard : undefined;
    currentUnit().write({ statement, values: { key }, guard }, writeKey);
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    const { table } = this.#model;
    const account_id = await ownerOf(grantId);
    if (account_id === undefined) return;
    currentUnit().write(
      { statement: this.#statements.removeByGrant, values: { account_id, grant_id: grantId } },
      `${table}:grant:${grantId}`,
    );
  }
}

/** Insert-only: of two proofs with one id in parallel the unique index refuses the second, not a look before. */
export class ReplayAdapter extends Adapter {
  override async upsert(id: string, payload: Payload): Promise<void> {
    const { key, columns } = models.ReplayDetection as Model;
    const values: Row = Object.assign({ id: uuidv7(), created_at: new Date() }, columns(payload), {
      [key]: digest(id),
      payload: '{"kind":"ReplayDetection"}',
      expires_at: expiry(payload),
    });
    const { insertIfNew: statement } = statementsOf(models.ReplayDetection as Model);
    const refused = await currentUnit().commitNow([{ statement, values, guard: 'replay' }]);
    if (refused) throw new errors.InvalidRequest('this proof was used before');
  }
}
