import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { type Certificates, makeCertificates } from './certificates.ts';
import { temporaryFolder } from './throwaway/index.ts';

/** The example of draft-00, which the Model Context Protocol names. */
export const DRAFT_00 = {
  client_name: 'Example MCP Client',
  client_uri: 'https://app.example',
  logo_uri: 'https://app.example/logo.png',
  redirect_uris: ['http://127.0.0.1:3000/callback', 'http://localhost:3000/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
};

export interface DocumentServer {
  /** `https://localhost:` and a port. */
  origin: string;
  certificates: Certificates;
  /** The document of each path: a JSON value, or what answers its requests. */
  documents: Map<string, object | RequestListener>;
  /** Headers of each response. */
  headers: Record<string, string>;
  /** The path of each request so far. */
  requests: string[];
  /** Adds a client metadata document. @returns its URL, which is its client_id */
  publish(path: string, document: Record<string, unknown>): string;
  close(): void;
}

/** An https server of applications, whose certificate this process accepts from now on. */
export async function startDocumentServer(): Promise<DocumentServer> {
  const certificates = await makeCertificates(temporaryFolder(true));
  setDefaultCACertificates([...getCACertificates('default'), readFileSync(certificates.ca, 'utf8')]);
  const documents: DocumentServer['documents'] = new Map();
  const requests: string[] = [];
  const headers: Record<string, string> = {};
  const server = createServer(
    { cert: readFileSync(certificates.cert), key: readFileSync(certificates.key) },
    (req, res) => {
      const path = String(req.url);
      requests.push(path);
      const document = documents.get(path);
      if (typeof document === 'function') return document(req, res);
      res.writeHead(document ? 200 : 404, { 'content-type': 'application/json', ...headers });
      res.end(JSON.stringify(document ?? {}));
    },
  );
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  const origin = `https://localhost:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    certificates,
    documents,
    headers,
    requests,
    publish(path, document) {
      documents.set(path, { client_id: `${origin}${path}`, ...document });
      return `${origin}${path}`;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
