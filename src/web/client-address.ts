import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import { createNetworkList } from '../kit/networks.ts';
import { addressOf } from './ip-address.ts';

const FOR = /(?:^|;)\s*for=(?:"([^"]*)"|([^;"\s]*))\s*(?:;|$)/i;

function isEscaped(text: string, index: number): boolean {
  let before = index;
  while (text[before - 1] === '\\') before -= 1;
  return (index - before) % 2 === 1;
}

/**
 * Splits the header Forwarded (RFC 7239) at the commas outside of quotes. It is read from its end: proxies add to the end, so
 * a quote that a client leaves open takes no part in reading what they added.
 */
function splitElements(header: string): string[] {
  const elements: string[] = [];
  let end = header.length;
  let isQuoted = false;
  for (let index = header.length - 1; index >= 0; index -= 1) {
    if (header[index] === '"' && !(isQuoted && isEscaped(header, index))) isQuoted = !isQuoted;
    else if (header[index] === ',' && !isQuoted) {
      elements.push(header.slice(index + 1, end));
      end = index;
    }
  }
  elements.push(header.slice(0, end));
  // RFC 9110 section 5.6.1.2: an empty element counts for nothing.
  return elements.reverse().filter((element) => element.trim() !== '');
}

/** The address in each element. */
function readForwarded(header: string): string[] {
  return splitElements(header).map((element) => {
    const [, quoted, token = ''] = FOR.exec(element.trim()) ?? [];
    return quoted ?? token;
  });
}

/**
 * What proxies wrote about the way of a request, the nearest one last. Almost every proxy writes X-Forwarded-For, so
 * Forwarded counts only without it: a proxy passes on a header that it does not know, whoever wrote it.
 */
function readHops({ headers }: IncomingMessage): string[] {
  const list = headers['x-forwarded-for'];
  if (list !== undefined) return String(list).split(',');
  return readForwarded(headers.forwarded ?? '');
}

/**
 * @param trusted the number of proxies in front of this server, or their addresses and networks
 * @returns the address of the client, as the outermost trusted proxy saw it; what came before it may be forged
 */
export function createAddressReader(trusted: number | string[]): (req: IncomingMessage) => string {
  const isProxy = typeof trusted === 'number' ? undefined : createNetworkList(trusted);
  return (req) => {
    const { remoteAddress = '' } = req.socket;
    if (trusted === 0) return remoteAddress;
    const hops = [...readHops(req), remoteAddress];
    const isTrusted = (hop: string, index: number) => {
      if (!isProxy) return index > hops.length - 1 - Number(trusted);
      const address = addressOf(hop);
      return address !== undefined && isProxy(address);
    };
    const client = hops.findLastIndex((hop, index) => !isTrusted(hop, index));
    return hops[Math.max(client, 0)] ?? '';
  };
}

/**
 * @param trusted the number of proxies in front of this server, or their addresses and networks
 * @returns a function that tells whether a request came from a proxy, whose headers can be believed
 */
export function createPeerCheck(trusted: number | string[]): (req: IncomingMessage) => boolean {
  if (typeof trusted === 'number') return () => trusted > 0;
  const isProxy = createNetworkList(trusted);
  return ({ socket }) => {
    const address = addressOf(socket.remoteAddress ?? '');
    return address !== undefined && isProxy(address);
  };
}

/** Sets `ctx.ip`, by which limits count and which the audit log shows. */
export function findClientAddress(trusted: number | string[]): Middleware {
  const readAddress = createAddressReader(trusted);
  return (ctx, next) => {
    ctx.request.ip = readAddress(ctx.req);
    return next();
  };
}
