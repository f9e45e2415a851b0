import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Config } from '../../config/settings.ts';
import { createPeerCheck } from '../../web/client-address.ts';
import { hasName } from '../clients/certificate-names.ts';

/** What proxies write when they have verified a certificate: nginx and Apache a word, HAProxy the number of the fault. */
const VERIFIED = new Set(['SUCCESS', '0']);

/**
 * @param text a certificate in PEM, percent-encoded or not (nginx, Apache, Traefik), in DER and Base64 (HAProxy, Caddy), or as
 *   the header Client-Cert has it (RFC 9440)
 */
function parseCertificate(text: string): X509Certificate | undefined {
  try {
    const decoded = text.includes('%') ? decodeURIComponent(text) : text;
    const base64 = decoded.replace(/-----(BEGIN|END) CERTIFICATE-----|[\s:]/g, '');
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined;
    return new X509Certificate(Buffer.from(base64, 'base64'));
  } catch {
    return undefined;
  }
}

function isInForce({ validFrom, validTo }: X509Certificate): boolean {
  const now = Date.now();
  return Date.parse(validFrom) <= now && now <= Date.parse(validTo);
}

type Request = { req: IncomingMessage };

/**
 * Mutual TLS (RFC 8705) behind a proxy. The proxy asks for the certificate and proves that the client has its key; it passes
 * the certificate on in a header, which is believed from trusted proxies only.
 * @returns the engine's feature. Without the setting, no request has a certificate, so a client that needs one is refused
 */
export function createMutualTls(config: Pick<Config, 'clientCertificates' | 'trustProxy'>) {
  const { header, verifiedHeader } = config.clientCertificates ?? {};
  const isFromProxy = createPeerCheck(config.trustProxy);
  const found = new WeakMap<IncomingMessage, X509Certificate | undefined>();

  const read = (req: IncomingMessage, name: string | undefined) =>
    name !== undefined && isFromProxy(req) ? String(req.headers[name] ?? '') : '';

  function findCertificate({ req }: Request): X509Certificate | undefined {
    if (!found.has(req)) {
      const certificate = parseCertificate(read(req, header));
      found.set(req, certificate && isInForce(certificate) ? certificate : undefined);
    }
    return found.get(req);
  }

  return {
    enabled: true,
    certificateBoundAccessTokens: true,
    selfSignedTlsClientAuth: true,
    tlsClientAuth: true,
    getCertificate: findCertificate,
    certificateAuthorized: ({ req }: Request) => VERIFIED.has(read(req, verifiedHeader)),
    certificateSubjectMatches(request: Request, member: string, expected: string) {
      const certificate = findCertificate(request);
      return certificate !== undefined && hasName(certificate, member, expected);
    },
  };
}
