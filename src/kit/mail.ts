import { setTimeout as sleep } from 'node:timers/promises';
import type { Transporter } from 'nodemailer';
import { LatchkeyError } from './errors.ts';
import type { Logger } from './log.ts';

/** How long after each failure it is tried again. */
const PAUSES_MS = [500, 3000];
const STEP_MS = 10_000;
/** However slowly the other side goes on talking. */
const WHOLE_MS = 30_000;

export interface Mail {
  /** One bare address. */
  to: string;
  subject: string;
  text: string;
  html: string;
}

export interface Mailer {
  /** Hands it over to the mail server, trying again a few times. @throws LatchkeyError unavailable */
  send(mail: Mail): Promise<void>;
  /** Whether the mail server takes our mail. @throws Error when it does not */
  verify(): Promise<void>;
}

const isLoopback = (host: string) => ['localhost', '127.0.0.1', '[::1]'].includes(host);

/** A 5xx of the mail server is its last word (RFC 5321 section 4.2.1). */
const isFinal = (error: unknown) => ((error as { responseCode?: number }).responseCode ?? 0) >= 500;

/**
 * Mail over SMTP by nodemailer.
 * @param settings `url`: smtp:// or smtps://, with credentials where the server asks for them
 */
export function createMailer(settings: { url: string; from: { name: string; address: string } }): Mailer {
  const { hostname, username } = new URL(settings.url);
  const options = {
    url: settings.url,
    // Somebody between must not talk us out of encryption and so learn the password.
    requireTLS: username !== '' && !isLoopback(hostname),
    connectionTimeout: STEP_MS,
    greetingTimeout: STEP_MS,
    socketTimeout: STEP_MS,
    // A mail holds what we wrote, and nothing that a name in it points at.
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
      // As an object, so that it is one address whatever stands in it.
      to: { name: '', address: to },
      // RFC 3834: no robot answers it.
      headers: { 'Auto-Submitted': 'auto-generated' },
      signal: AbortSignal.timeout(WHOLE_MS),
    });
  return {
    async send(mail) {
      for (const pause of [...PAUSES_MS, undefined]) {
        try {
          await attempt(mail);
          return;
        } catch (error) {
          if (pause === undefined || isFinal(error))
            throw new LatchkeyError(
              'unavailable',
              'mail_not_accepted',
              'The mail server did not take the mail.',
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

/** In development without a mail server: the log says what would have been sent. */
export function createPrintingMailer(log: Logger): Mailer {
  return {
    async send({ to, subject, text }) {
      log.info({ event: 'mail', to, subject, text });
    },
    async verify() {},
  };
}
