import type { Knex } from 'knex';
import type { Config } from '../config/settings.ts';
import { isClosing } from '../identity/accounts/closing-store.ts';
import { findByHint, findBySubject } from '../identity/accounts/find-by-hint.ts';
import { wantsMail } from '../identity/accounts/preferences.ts';
import { findAccount } from '../identity/accounts/store.ts';
import type { MailSender } from '../identity/mail/send.ts';
import { createSignInRequestMail } from '../identity/mail/sign-in-requests.ts';
import type { Background } from '../kit/background.ts';
import { createGuardedFetch } from '../kit/guarded-fetch.ts';
import type { EngineDeps } from '../oidc/engine-deps.ts';
import type { TrustedIssuers } from '../oidc/id-jag/trusted-issuers.ts';
import type { AddressLimit } from '../web/rate-limits/index.ts';

/** What the engine asks for and tells: accounts by their names, mail about requests (CIBA), and URLs of applications. */
export function createEngineHooks(deps: {
  knex: Knex;
  config: Pick<Config, 'issuer' | 'allowPrivateServices'>;
  mail: MailSender;
  background: Background;
  limits: {
    countRequestMessage(email: string): Promise<void>;
    requestObject: Pick<AddressLimit, 'countAttempt'>;
    checkedRequestObject: Pick<AddressLimit, 'countAttempt'>;
  };
  trustedIssuers: Pick<TrustedIssuers, 'find'>;
}): Pick<EngineDeps, 'fetch' | 'countReference' | 'signInRequests' | 'identityAssertions'> {
  const { knex, mail, background } = deps;
  const { issuer, allowPrivateServices } = deps.config;
  const countMessage = deps.limits.countRequestMessage;
  const mailRequest = createSignInRequestMail({
    knex,
    issuer,
    mail,
    findAccount,
    countMessage,
    wantsMail: (accountId, notice) => wantsMail(knex, accountId, notice),
  });
  return {
    fetch: createGuardedFetch({ allowPrivate: allowPrivateServices }),
    countReference: (ip, isChecked) =>
      (isChecked ? deps.limits.checkedRequestObject : deps.limits.requestObject).countAttempt(ip),
    signInRequests: {
      findByHint: (hint) => findByHint(knex, hint),
      isClosing,
      announce: (id, request) => background.runMail('sign_in_request', () => mailRequest(id, request)),
    },
    identityAssertions: {
      findTrustedIssuer: deps.trustedIssuers.find,
      findBySubject: (kind, subject) => findBySubject(knex, kind, subject),
    },
  };
}
