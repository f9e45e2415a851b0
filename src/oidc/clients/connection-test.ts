import { createHash } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { randomToken } from '../../kit/ids.ts';
import type { Endpoints } from '../endpoints.ts';
import type { ClientDocument } from './client-document.ts';

/** The result of one step, as `latchkey client test --json` prints it. */
export interface StepResult {
  step: string;
  ok: boolean;
  says: string;
}

const TIMEOUT_MS = 10_000;

const get = (url: string) =>
  fetch(url, {
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: { accept: 'text/html' },
  });

/** @returns the message of the innermost error: that of `fetch` is only "fetch failed" */
function causeOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: unknown };
  return cause === undefined ? message : causeOf(cause);
}

async function testDiscovery({ issuer, discovery }: Endpoints): Promise<StepResult> {
  const step = 'discovery';
  const failed = (says: string): StepResult => ({ step, ok: false, says });
  try {
    const answer = await get(discovery);
    if (answer.status !== 200)
      return failed(`${discovery} answers ${answer.status}. Does a proxy send this path here?`);
    const document = (await answer.json()) as { issuer?: string };
    if (document.issuer !== issuer)
      return failed(
        `the server calls itself ${document.issuer}, and the command ${issuer}. Set LATCHKEY_ISSUER alike.`,
      );
    return { step, ok: true, says: discovery };
  } catch (error) {
    return failed(`${discovery} cannot be fetched from here: ${causeOf(error)}. Is the server running?`);
  }
}

/** The request that the application would send. @param isProtected whether it has PKCE and a nonce */
function authorizationUrl(
  document: ClientDocument,
  endpoints: Endpoints,
  redirectUri: string,
  isProtected: boolean,
) {
  const challenge = createHash('sha256').update(randomToken()).digest('base64url');
  const query = new URLSearchParams({
    client_id: document.client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: String(document.scope),
    state: randomToken(),
    ...(isProtected && { nonce: randomToken(), code_challenge: challenge, code_challenge_method: 'S256' }),
  });
  return `${endpoints.authorization_endpoint}?${query}`;
}

/** @returns the error with which the request was refused; undefined if it led to the sign-in page */
async function findRefusal(url: string): Promise<string | undefined> {
  const answer = await get(url);
  const location = URL.parse(answer.headers.get('location') ?? '', url);
  const error = location?.searchParams.get('error');
  if (error) return `${error}: ${location?.searchParams.get('error_description') ?? ''}`;
  if (location?.pathname.includes('/interaction/')) return undefined;
  const heading = /<h1>(.*?)<\/h1>/s.exec(await answer.text())?.[1];
  return heading?.replace(/<[^>]+>/g, '') ?? `status ${answer.status}`;
}

async function testAuthorization(
  document: ClientDocument,
  endpoints: Endpoints,
  uri: string,
): Promise<StepResult> {
  const step = `authorize ${uri}`;
  const refusal = await findRefusal(authorizationUrl(document, endpoints, uri, true)).catch(causeOf);
  return { step, ok: refusal === undefined, says: refusal ?? 'leads to the sign-in page' };
}

async function testWithoutProtection(
  document: ClientDocument,
  endpoints: Endpoints,
  uri: string,
): Promise<StepResult> {
  const refusal = await findRefusal(authorizationUrl(document, endpoints, uri, false)).catch(causeOf);
  const says =
    refusal === undefined ? 'accepted, which OAuth 2.1 forbids' : `refused, as it should be: ${refusal}`;
  return { step: 'without PKCE and nonce', ok: true, says };
}

/** Whether the name of the host leads anywhere from here. People's browsers may know other names. */
async function testName(uri: string): Promise<StepResult | undefined> {
  const { protocol = '', hostname = '' } = URL.parse(uri) ?? {};
  if (!/^https?:$/.test(protocol)) return undefined;
  const step = `name ${hostname}`;
  try {
    const { address } = await lookup(hostname.replace(/^\[|\]$/g, ''));
    return { step, ok: true, says: address };
  } catch (error) {
    return { step, ok: false, says: `the name is not known here: ${causeOf(error)}` };
  }
}

/**
 * Walks the first steps of a sign-in as the application would, over the network. Nobody signs in, and nothing is stored.
 * @param document of the application; its secret is not needed
 */
export async function testConnection(document: ClientDocument, endpoints: Endpoints): Promise<StepResult[]> {
  const findings = [await testDiscovery(endpoints)];
  if (!document.is_active)
    findings.push({ step: 'application', ok: false, says: 'it is disabled: latchkey client enable' });
  const uris = document.redirect_uris as string[];
  const [first] = uris;
  if (!findings[0]?.ok || first === undefined) return findings;
  for (const uri of uris) findings.push(await testAuthorization(document, endpoints, uri));
  findings.push(await testWithoutProtection(document, endpoints, first));
  for (const uri of uris) findings.push(...[await testName(uri)].filter((finding) => finding !== undefined));
  return findings;
}
