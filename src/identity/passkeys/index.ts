import type { Knex } from 'knex';
import { recordEventIn } from '../../audit/index.ts';
import type { Origin } from '../../database/unit-of-work.ts';
import { LatchkeyError } from '../../kit/errors.ts';
import {
  type Ceremony as Assertion,
  type Authenticated,
  type CounterPolicy,
  finishAuthentication,
  startAuthentication,
} from './authentication.ts';
import { authenticationResponse, malformed, Refusal, registrationResponse } from './ceremony-response.ts';
import { createChallenges } from './challenges.ts';
import { createKeys, type Told } from './credentials.ts';
import {
  type Ceremony,
  finishRegistration,
  type NewKey,
  type RegistrationStart,
  type RelyingParty,
  startRegistration,
} from './registration.ts';

export interface PasskeyDeps {
  knex: Knex;
  rp: RelyingParty;
  counterPolicy: CounterPolicy;
  /** AAGUID → the model's name. */
  names: Map<string, string>;
  /** Tells the owner, once it is committed. */
  tell(accountId: string, what: Told | 'counter_regressed', key: { name: string }): void;
}

/** One sentence for every answer that opens nothing: why is for the audit log. */
export const NOT_OPENED = 'That key did not let you in. Try again, or use another way.';
export const NOT_ADDED = 'That key could not be added. Try again, or use another one.';

/** Passkeys and security keys: registration, authentication, and what their owner does with them. */
export function createPasskeys(deps: PasskeyDeps) {
  const { knex, rp } = deps;
  const challenges = createChallenges(knex);
  const keys = createKeys(deps);

  /** A refusal is told in the audit log, apart from what the request does, and becomes the one sentence. */
  async function refused(error: unknown, action: string, sentence: string, from?: Origin, whose?: string) {
    if (!(error instanceof Refusal)) return error;
    const { reason, about } = error;
    const accountId = about?.accountId ?? whose;
    await knex.transaction((trx) =>
      recordEventIn(trx, { action, accountId, target: about?.id, success: false, errorCode: reason }, from),
    );
    if (reason === 'counter' && about) await alarm(about.accountId, about.id, from);
    return new LatchkeyError('unauthenticated', 'passkey_refused', sentence, { cause: error });
  }

  /** A key may have been copied: whatever the policy lets through, it is told. */
  async function alarm(accountId: string, id: string, from?: Origin): Promise<void> {
    const told = { accountId, target: id, success: false, errorCode: 'counter' };
    await knex.transaction((trx) =>
      recordEventIn(trx, { action: 'passkey.counter_regressed', ...told }, from),
    );
    deps.tell(accountId, 'counter_regressed', await keys.get(accountId, id));
  }

  return {
    keys,

    /** @returns PublicKeyCredentialCreationOptionsJSON */
    startRegistration: (given: RegistrationStart) => startRegistration(rp, challenges, given),

    /**
     * Verifies what the browser brought back; adds nothing yet.
     * @throws LatchkeyError unauthenticated, with one sentence for every reason; invalid_input for what is no answer
     */
    async finishRegistration(given: {
      boundTo: string;
      ceremony: Ceremony;
      response: unknown;
      accountId?: string;
      from?: Origin;
    }): Promise<NewKey> {
      const read = registrationResponse.safeParse(given.response);
      if (!read.success) throw malformed(read.error);
      try {
        const key = await finishRegistration(rp, challenges, { ...given, response: read.data });
        if (key.challenge.accountId !== (given.accountId ?? null)) throw new Refusal('challenge');
        return key;
      } catch (error) {
        throw await refused(error, 'passkey.refused', NOT_ADDED, given.from, given.accountId);
      }
    },

    /** @param given `accountId`: whose signed keys may answer; none for a sign-in without a username */
    async startAuthentication(given: { purpose: Assertion; boundTo: string; accountId?: string }) {
      const { accountId } = given;
      const signed = accountId === undefined ? undefined : await keys.signed(accountId);
      const allowed = signed?.map(({ key_id, transports }) => ({ id: key_id, transports }));
      return startAuthentication(rp, challenges, { ...given, allowed });
    },

    /**
     * @returns who answered, and by which key
     * @throws LatchkeyError unauthenticated, with one sentence for every reason; invalid_input for what is no answer
     */
    async finishAuthentication(given: {
      purpose: Assertion;
      boundTo: string;
      accountId?: string;
      response: unknown;
      at: Date;
      from?: Origin;
    }): Promise<Authenticated> {
      const read = authenticationResponse.safeParse(given.response);
      if (!read.success) throw malformed(read.error);
      try {
        const done = await finishAuthentication(
          { ...deps, challenges },
          { ...given, response: read.data, ip: given.from?.ip },
        );
        if (done.regressed) await alarm(done.accountId, done.id, given.from);
        return done;
      } catch (error) {
        throw await refused(error, 'sign_in.failed', NOT_OPENED, given.from, given.accountId);
      }
    },
  };
}

export type Passkeys = ReturnType<typeof createPasskeys>;
