import type { Context } from 'koa';
import type Provider from 'oidc-provider';
import { SECURITY } from '../account/factors.ts';
import type { AccountPagesDeps } from '../account/index.ts';
import { accountCsrf, createAccountCeremonies, isFresh } from '../account/passkeys.ts';
import type { Config } from '../config/index.ts';
import type { Database } from '../database/open.ts';
import { UnitOfWork, withUnit } from '../database/unit-of-work.ts';
import type { Newcomer } from '../identity/invitations/redeem.ts';
import type { FactorEvent } from '../identity/mail/messages.ts';
import { createFactorMail } from '../identity/mail/security-notices.ts';
import type { Post } from '../identity/mail/send.ts';
import { readRoots } from '../identity/passkeys/attestation-roots.ts';
import { readNames } from '../identity/passkeys/authenticator-names.ts';
import { insertKey } from '../identity/passkeys/credentials.ts';
import { createPasskeys } from '../identity/passkeys/index.ts';
import { trustRoots } from '../identity/passkeys/registration.ts';
import { createEnrolment } from '../identity/recovery/passkey-recovery.ts';
import { createSecondFactor } from '../identity/second-factor/index.ts';
import type { InteractionDeps } from '../interactions/index.ts';
import type { Background } from '../kit/background.ts';
import type { Secrets } from '../kit/secrets.ts';
import { OWN_CLIENT_ID, signInUrl } from '../oidc/clients/own-client.ts';
import { createSecondFactorPolicy } from '../oidc/second-factor-policy.ts';
import { createCeremonyCookie } from '../web/ceremony-cookie.ts';
import { qrImage } from '../web/qr.ts';
import { createSealedCookie } from '../web/sealed-cookie.ts';

type Session = { accountId?: string; uid: string; acr?: string };

export interface FactorDeps {
  config: Config;
  database: Database;
  secrets: Secrets;
  provider: Provider;
  post: Post;
  background: Background;
  /** Makes an account by an invitation. @returns its id @throws LatchkeyError */
  comeIn(newcomer: Newcomer): Promise<string>;
  findAccount: InteractionDeps['findAccount'];
}

/** The part of the composition root that builds the factors of a sign-in. */
export function createFactors(deps: FactorDeps) {
  const { config, database, secrets, provider, post, background } = deps;
  const { knex } = database;
  const { issuer } = config;
  const secure = issuer.startsWith('https:');
  const names = config.passkeys.namesFile ? readNames(config.passkeys.namesFile) : new Map<string, string>();

  if (config.passkeys.rootsFile) trustRoots(readRoots(config.passkeys.rootsFile));

  /** Mails the person, a little after the answer. */
  const mail = createFactorMail({ knex, issuer, post });
  const tell = (accountId: string, what: FactorEvent, name = '') =>
    background.run(what, () => mail(accountId, what, name));

  const rp = {
    name: 'Latchkey',
    id: new URL(issuer).hostname,
    origin: issuer,
    allowedAaguids: config.passkeys.aaguids,
  };
  const passkeys = createPasskeys({
    ...{ knex, rp, names, counterPolicy: config.passkeys.counter },
    tell: (accountId, what, { name }) => tell(accountId, what, name),
  });
  const ceremony = createCeremonyCookie({ secure });
  const accountCeremonies = createAccountCeremonies({ ...deps, passkeys, ceremony });
  const secondFactorPolicy = createSecondFactorPolicy(config.secondFactor);
  const held = createSealedCookie({ secrets, secure }, 'recover');
  const secondFactor = createSecondFactor({ knex, secrets, issuer });

  /** Whether a confirmed mailbox opens this account: never where a second factor stands, or is demanded. */
  async function mailOpens(accountId: string): Promise<boolean> {
    if (!config.recoverByEmail) return false;
    const { demanded: hasAddedFactor } = await secondFactor.factorsOf(accountId);
    return withUnit(new UnitOfWork(database.driver), async () => {
      const account = await deps.findAccount(accountId);
      if (!account) return false;
      const { scopes } = account;
      return !(await secondFactorPolicy.isRequired({
        account: { id: accountId, scopes },
        clientId: OWN_CLIENT_ID,
        hasAddedFactor,
      }));
    });
  }
  const enrolment = createEnrolment({ knex, issuer, names, mailOpens });

  return {
    /** What the page of the account needs of it. */
    pages: {
      ...{ tell, secondFactor, keys: passkeys.keys, rpId: rp.id, qrImage },
      standing: async (ctx) => {
        const here = await accountCeremonies.standing(ctx);
        return { amr: here?.amr ?? [], isFresh: here !== undefined && isFresh(here) };
      },
      scriptToken: (sessionUid) => accountCsrf(secrets, sessionUid),
      signInAgain: (params) => signInUrl(issuer, SECURITY, params),
    } satisfies AccountPagesDeps['factors'],
    /**
     * The session for our own pages: one that was there before a second factor was demanded is nobody's, and its
     * person signs in anew.
     */
    async sessionOf(ctx: Context): Promise<{ accountId?: string; uid: string }> {
      const { accountId, uid, acr } = (await provider.Session.get(ctx as never)) as Session;
      const person = accountId ? await deps.findAccount(accountId) : undefined;
      if (!accountId || !person) return { accountId, uid };
      const account = { id: accountId, scopes: person.scopes };
      const lacksFactor = await secondFactorPolicy.isRequired({ account, clientId: OWN_CLIENT_ID, acr });
      return lacksFactor ? { uid } : { accountId, uid };
    },

    mailOpens,

    /** What the interactions need of it. */
    steps: {
      ceremony,
      accountCeremonies,
      secondFactor,
      byMail: config.recoverByEmail,
      tellRecovery: (accountId: string) => tell(accountId, 'recovery_used'),
      recover: { issuer, held, lookAt: enrolment.lookAt },
      secondFactorPolicy,
      passkeys: {
        passkeys,
        secondAfterRegress: config.passkeys.counter === 'second_factor',
        recovery: {
          ...held,
          lookAt: enrolment.lookAt,
          async use(token, key, given) {
            const accountId = await enrolment.use(token, key, given);
            tell(accountId, 'key_added');
            return accountId;
          },
        },
        redeemWithKey: ({ key, ...newcomer }) =>
          deps.comeIn({
            ...newcomer,
            also: (trx, accountId) => insertKey(trx, { accountId, key, names, from: newcomer.from }),
          }),
        isTaken: async (username) => (await knex('T_accounts').where({ username }).first('id')) !== undefined,
      },
    } satisfies Partial<InteractionDeps>,
  };
}

export type FactorRooms = ReturnType<typeof createFactors>;
