import { setTimeout as sleep } from 'node:timers/promises';
import type { Transporter } from 'nodemailer';
import { readConnectionUrl } from './connection-url-tls.ts';
import { LatchkeyError } from './errors.ts';
import type { Logger } from './log.ts';

/** The pauses before the second and the third attempt. */
const RETRY_PAUSES_MS = [500, 3000];
/** The longest time for each step of an attempt, such as the connection or the greeting. */
const MAX_STEP_MS = 10_000;
/** The longest time for one attempt, even if the mail server keeps responding slowly. */
const MAX_WHOLE_MS = 30_000;

export interface Mail {
  /** The address of the recipient, without a name. */
  to: string;
  subject: string;
  text: string;
  html: string;
}

export interface Mailer {
  /** Hands a mail to the mail server, in up to three attempts. @throws LatchkeyError unavailable */
  send(mail: Mail): Promise<void>;
  /** Connects and signs in to the mail server. @throws Error when that fails */
  verify(): Promise<void>;
}

const isLoopback = (host: string) => ['localhost', '127.0.0.1', '[::1]'].includes(host);

/** A 5xx of the mail server is permanent (RFC 5321 section 4.2.1), so another attempt is useless. */
const isFinal = (error: unknown) => ((error as { responseCode?: number }).responseCode ?? 0) >= 500;

/**
 * Sends mail over SMTP with nodemailer.
 * @param settings `url`: smtp:// or smtps://, with the credentials that the server requires
 */
export function createMailer(settings: { url: string; from: { name: string; address: string } }): Mailer {
  const { hostname, username } = new URL(settings.url);
  const { url, tls } = readConnectionUrl(settings.url);
  const options = {
    url,
    // An attacker on the network must not be able to remove encryption and read the password.
    requireTLS: tls === undefined ? username !== '' && !isLoopback(hostname) : tls !== false,
    ...(tls === false ? { ignoreTLS: true } : tls && { tls }),
    connectionTimeout: MAX_STEP_MS,
    greetingTimeout: MAX_STEP_MS,
    socketTimeout: MAX_STEP_MS,
    // A name or text in a mail must never make nodemailer read a file or an address.
    disableFileAccess: true,
    disableUrlAccess: true,
  };
  let opened: Transporter | undefined;
  /** Loaded with the first mail: most runs of the command send none. */
  const transport = async () => {
    const { createTransport } = await import('nodemailer');
    opened ??= createTransport(options);
    return opened;
  };
  const attempt = async ({ to, ...mail }: Mail) =>
    (await transport()).sendMail({
      ...mail,
      from: settings.from,
      // As an object: nodemailer would split a text with a comma into several addresses.
      to: { name: '', address: to },
      // Automatic responders do not answer such mail (RFC 3834).
      headers: { 'Auto-Submitted': 'auto-generated' },
      signal: AbortSignal.timeout(MAX_WHOLE_MS),
    });
  return {
    async send(mail) {
      for (const pause of [...RETRY_PAUSES_MS, undefined]) {
        try {
          await attempt(mail);
          return;
        } catch (error) {
          if (pause === undefined || isFinal(error))
            throw new LatchkeyError(
              'unavailable',
              'mail_not_accepted',
              'The mail could not be sent. Run latchkey doctor to test the mail server.',
              { cause: error },
            );
          await sleep(pause);
        }
      }
    },
    async verify() {
      await (await transport()).verify();
    },
  };
}

/** For development without a mail server: writes each mail to the log instead of sending it. */
export function createPrintingMailer(log: Logger): Mailer {
  return {
    async send({ to, subject, text }) {
      log.info({ event: 'mail', to, subject, text });
    },
    async verify() {},
  };
}
