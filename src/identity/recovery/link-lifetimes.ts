/**
 * What a link does. `verify_email` confirms an e-mail address. `reset_password` sets a new password. The others add a passkey to
 * an account: `enrol_passkey` by a link that an administrator creates, `recover_passkey` by a mailed link, and `recovery_code`
 * after a recovery code was typed. Nobody sees that last link: the page goes there by itself.
 */
export type LinkPurpose =
  | 'verify_email'
  | 'reset_password'
  | 'enrol_passkey'
  | 'recover_passkey'
  | 'recovery_code';

const HOUR_MS = 3_600_000;

/** How long each link works. `mail/messages.ts` and `views/recovery/link-sent.ejs` say it in words. */
export const LINK_LIFETIMES_MS: Record<LinkPurpose, number> = {
  verify_email: 24 * HOUR_MS,
  reset_password: HOUR_MS,
  enrol_passkey: HOUR_MS,
  recover_passkey: HOUR_MS,
  recovery_code: HOUR_MS,
};

/** How long the link "This was not me" works. `mail/security-notices.ts` says it in words. */
export const NOT_ME_LIFETIME_MS = 7 * 24 * HOUR_MS;
