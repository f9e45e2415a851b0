import type { Knex } from 'knex';
import type { Config } from '../config/settings.ts';
import { wantsMail } from '../identity/accounts/preferences.ts';
import { findAccount } from '../identity/accounts/store.ts';
import { createConnectionNotices } from '../identity/mail/connection-notices.ts';
import {
  createSecurityNotices,
  type NoticeDetails,
  type SecurityEvent,
} from '../identity/mail/security-notices.ts';
import { createMailSender } from '../identity/mail/send.ts';
import { createNoticeLink } from '../identity/recovery/not-me-links.ts';
import type { Background } from '../kit/background.ts';
import { createMailer, type Mailer } from '../kit/smtp.ts';
import { createMailRenderer } from '../web/render.ts';

export interface MailDeps {
  knex: Knex;
  config: Pick<Config, 'issuer' | 'mail'>;
  /** Sends mail after the response. */
  background: Background;
  /** Used if no mail server is configured. Without either, no mail is sent. */
  fallbackMailer: Mailer | undefined;
}

/** The sender of mail, and the mail about changes of accounts. */
export function createMail({ knex, config, background, fallbackMailer }: MailDeps) {
  const { issuer } = config;
  const { url, from } = config.mail;
  const mailer = url === undefined ? fallbackMailer : createMailer({ url, from });
  const mail = createMailSender({ knex, mailer, render: createMailRenderer({ issuer }) });
  const mailNotice = createSecurityNotices({ knex, issuer, mail, findAccount, createNoticeLink });
  const mailBroken = createConnectionNotices({
    knex,
    issuer,
    mail,
    findAccount,
    wantsMail: (accountId, notice) => wantsMail(knex, accountId, notice),
  });
  return {
    mail,
    /** Mails the owner of a connection that has to be made again. @param service its name on pages */
    notifyBroken: (accountId: string, service: string, code: string): void =>
      background.runMail('connection_broken', () => mailBroken(accountId, service, code)),
    /** Mails the owner of an account that a way to sign in was added, changed, removed or used. */
    notify: (accountId: string, event: SecurityEvent, about?: NoticeDetails): void =>
      background.runMail(event, () => mailNotice(accountId, event, about)),
  };
}
