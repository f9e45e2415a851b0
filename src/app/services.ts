import { covers } from '../access/scopes.ts';
import type { Config } from '../config/index.ts';
import type { Database } from '../database/open.ts';
import { createRedemption, type Newcomer } from '../identity/invitations/redeem.ts';
import { createInvitations } from '../identity/invitations/service.ts';
import { createPost } from '../identity/mail/send.ts';
import { createRecovery } from '../identity/recovery/password-reset.ts';
import { createBackground } from '../kit/background.ts';
import type { Logger } from '../kit/log.ts';
import { createMailer, createPrintingMailer, type Mailer } from '../kit/mail.ts';
import type { Limits } from '../web/rate-limits/index.ts';
import { createMailRenderer } from '../web/render.ts';

/** Without a mail server, development prints its mail and production has none. */
function mailerOf({ mail, production }: Config, log: Logger): Mailer | undefined {
  if (mail.url !== undefined) return createMailer({ url: mail.url, from: mail.from });
  return production ? undefined : createPrintingMailer(log);
}

export interface PeopleDeps {
  config: Config;
  database: Database;
  log: Logger;
  limits: Pick<Limits, 'takeMessage'>;
  hashPassword(password: string): Promise<string>;
  mailOpens(accountId: string): Promise<boolean>;
}

/** The part of the composition root by which people come in, and back in, and are written to. */
export function createPeople({ config, database, log, limits, ...deps }: PeopleDeps) {
  const { knex } = database;
  const { issuer } = config;
  const invitations = createInvitations({ knex, issuer, covers });
  const redemption = createRedemption({ knex, issuer, covers, ...invitations });
  const background = createBackground(log);
  const post = createPost({ knex, mailer: mailerOf(config, log), render: createMailRenderer({ issuer }) });
  const recovery = createRecovery({ ...deps, knex, issuer, post, background });

  /** Makes an account by an invitation. @returns its id @throws LatchkeyError */
  async function comeIn(newcomer: Newcomer): Promise<string> {
    const { accountId, email, token } = await redemption.redeem(newcomer);
    if (email !== null && token)
      await limits.takeMessage(email).then(
        () => recovery.welcome(accountId, email, token),
        // Somebody signs up again and again with this address: its mailbox is spared, and the page says nothing.
        () => undefined,
      );
    return accountId;
  }

  return { invitations, redemption, recovery, comeIn, background, post };
}
