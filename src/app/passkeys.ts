import type { Knex } from 'knex';
import type { Config } from '../config/settings.ts';
import { assertSignedIn } from '../identity/accounts/sign-out-everywhere.ts';
import { lockAccount } from '../identity/accounts/store.ts';
import { createPasskeys } from '../identity/passkeys/index.ts';
import { hasShownEnough, type SecondFactor } from '../identity/second-factor/index.ts';
import type { Secrets } from '../kit/secrets.ts';
import type { createMail } from './mail.ts';

/** The service for passkeys: this server as their relying party, and the condition for adding one. */
export function createPasskeyService(deps: {
  config: Pick<Config, 'issuer' | 'passkeys'>;
  knex: Knex;
  secrets: Secrets;
  secondFactor: Pick<SecondFactor, 'getFactors'>;
  notify: ReturnType<typeof createMail>['notify'];
}) {
  const { secondFactor, notify } = deps;
  const { issuer, passkeys } = deps.config;
  return createPasskeys({
    knex: deps.knex,
    signer: deps.secrets,
    rp: {
      name: 'Latchkey',
      id: new URL(issuer).hostname,
      origin: new URL(issuer).origin,
      allowedAaguids: passkeys.aaguids,
      rootCertificates: passkeys.rootCertificates,
    },
    names: passkeys.names,
    counterPolicy: passkeys.counter,
    lockAccount,
    assertSignedIn,
    mayAddFactor: async (trx, accountId, amr) =>
      hasShownEnough(await secondFactor.getFactors(accountId, trx), amr),
    notify: (accountId, event, key) => notify(accountId, event, { key }),
  });
}
