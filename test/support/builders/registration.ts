import type { ClientDocument } from '../../../src/oidc/clients/client-document.ts';
import type { TestServer } from '../server.ts';

export type RegistrationAnswer = {
  status: number;
  headers: Headers;
  body: ClientDocument & {
    registration_access_token?: string;
    registration_client_uri?: string;
    error?: string;
    error_description?: string;
  };
};

/** A browser-based MCP client or a command-line program, as it describes itself. */
export const DESCRIPTION = {
  client_name: 'Harbour CLI',
  redirect_uris: ['http://127.0.0.1/cb'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
};

async function read(response: Response): Promise<RegistrationAnswer> {
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text ? JSON.parse(text) : {}) as RegistrationAnswer['body'],
  };
}

/** Registers an application at /register. @param token an initial access token */
export async function register(
  server: Pick<TestServer, 'issuer'>,
  description: unknown = DESCRIPTION,
  token?: string,
): Promise<RegistrationAnswer> {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  const body = typeof description === 'string' ? description : JSON.stringify(description);
  return read(await fetch(`${server.issuer}/register`, { method: 'POST', headers, body }));
}

/** Sends a request of RFC 7592 with a registration access token. */
export async function manage(
  method: 'GET' | 'PUT' | 'DELETE',
  uri: string | undefined,
  token: string | undefined,
  description?: unknown,
): Promise<RegistrationAnswer> {
  const headers: Record<string, string> = { authorization: `Bearer ${token}` };
  if (description !== undefined) headers['content-type'] = 'application/json';
  const body = description === undefined ? null : JSON.stringify(description);
  return read(await fetch(String(uri), { method, headers, body }));
}
