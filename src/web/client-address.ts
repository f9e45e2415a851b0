import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import { createNetworkList } from '../kit/networks.ts';
import { addressOf } from './ip-address.ts';

/** The elements of the header Forwarded (RFC 7239), and the address in one. A comma in quotes separates nothing. */
const ELEMENT = /(?:"(?:[^"\\]|\\.)*"|[^,"])+/g;
const FOR = /(?:^|;)\s*for=(?:"([^"]*)"|([^;"\s]*))\s*(?:;|$)/i;

function splitForwarded(header: string): string[] {
  return (header.match(ELEMENT) ?? []).map((element) => {
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
  return splitForwarded(headers.forwarded ?? '');
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
