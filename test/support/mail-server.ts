import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

/** A mail as its recipient reads it. */
interface ReceivedMail {
  to: string[];
  /** The header section, with folded lines joined. */
  headers: string;
  subject: string;
  text: string;
  html: string;
  /** The path and query of the first link to this server in the text. */
  link: string | undefined;
}

const decode = (body: string, encoding: string) => {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString();
  if (encoding !== 'quoted-printable') return body;
  const bytes = body
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
};

const headerOf = (headers: string, name: string) =>
  new RegExp(`^${name}: *(.*)$`, 'im').exec(headers)?.[1]?.trim() ?? '';

function parse(to: string[], raw: string): ReceivedMail {
  const cut = raw.indexOf('\r\n\r\n');
  const headers = raw.slice(0, cut).replace(/\r\n[ \t]+/g, ' ');
  const boundary = /boundary="([^"]+)"/.exec(headers)?.[1] ?? '';
  const forms: Record<string, string> = {};
  for (const part of raw.slice(cut).split(`--${boundary}`).slice(1, -1)) {
    const end = part.indexOf('\r\n\r\n');
    const head = part.slice(0, end).replace(/\r\n[ \t]+/g, ' ');
    const type = headerOf(head, 'content-type').split(';')[0] ?? '';
    forms[type] = decode(part.slice(end + 4), headerOf(head, 'content-transfer-encoding')).replace(
      /\r\n/g,
      '\n',
    );
  }
  const text = forms['text/plain'] ?? '';
  return {
    to,
    headers,
    subject: headerOf(headers, 'subject'),
    text,
    html: forms['text/html'] ?? '',
    link: /https?:\/\/[^/\s]+(\/\S+)/.exec(text)?.[1],
  };
}

/** A test's own answer to an SMTP command; undefined for the usual one. */
type Answer = (command: string) => string | undefined | Promise<string | undefined>;

function serve(socket: Socket, answer: Answer, received: (to: string[], raw: string) => void): void {
  let buffer = '';
  let to: string[] = [];
  let inData = false;
  const good = (command: string) => {
    if (/^EHLO/i.test(command)) return '250 sink';
    if (/^DATA/i.test(command)) return '354 go on';
    return /^QUIT/i.test(command) ? '221 bye' : '250 ok';
  };
  const say = (line: string) => socket.writable && socket.write(`${line}\r\n`);
  let turn: Promise<unknown> = Promise.resolve(answer('')).then((line) => say(line ?? '220 sink'));
  const take = async (line: string) => {
    const said = (await answer(line)) ?? good(line);
    const recipient = /^RCPT TO:<([^>]*)>/i.exec(line)?.[1];
    if (recipient !== undefined) to.push(recipient);
    inData = said.startsWith('354');
    say(said);
  };
  socket.setEncoding('latin1').on('error', () => {});
  socket.on('data', (chunk) => {
    buffer += chunk;
    turn = turn.then(async () => {
      for (;;) {
        const end = buffer.indexOf(inData ? '\r\n.\r\n' : '\r\n');
        if (end < 0) return;
        const piece = buffer.slice(0, end);
        buffer = buffer.slice(end + (inData ? 5 : 2));
        if (!inData) await take(piece);
        else {
          inData = false;
          received(to, piece.replace(/^\.\./gm, '.'));
          to = [];
          say('250 taken');
        }
      }
    });
  });
}

/** A mail server that stores the mail it receives. */
export interface Sink {
  url: string;
  mails: ReceivedMail[];
  /** Replaces answers to SMTP commands. */
  answer: Answer;
  /** Waits for a mail to that address. @param after how many earlier mails to skip */
  to(address: string, after?: number): Promise<ReceivedMail>;
}

/** @param arrived is called with every mail */
export async function startSink(
  t: Pick<TestContext, 'after'>,
  arrived: (mail: ReceivedMail) => void = () => {},
): Promise<Sink> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    serve(
      socket,
      (command) => sink.answer(command),
      (to, raw) => {
        const mail = parse(to, raw);
        sink.mails.push(mail);
        arrived(mail);
      },
    );
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const sink: Sink = {
    url: `smtp://127.0.0.1:${(server.address() as { port: number }).port}`,
    mails: [],
    answer: () => undefined,
    async to(address, after = 0) {
      for (let tries = 0; tries < 400; tries += 1) {
        const found = sink.mails.filter(({ to }) => to.includes(address))[after];
        if (found) return found;
        await sleep(25);
      }
      throw new Error(`no mail came to ${address}: ${JSON.stringify(sink.mails.map(({ to }) => to))}`);
    },
  };
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return sink;
}
