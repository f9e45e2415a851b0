import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import * as oidc from 'openid-client';
import { Agent, fetch as undiciFetch } from 'undici';
import type { ClientInput } from '../../src/oidc/clients/input.ts';
import { toKeySet } from '../../src/oidc/clients/key-sets.ts';
import { Browser } from '../support/browser.ts';
import { answerOf, walk } from '../support/builders/authorization.ts';
import { isOpensslInstalled } from '../support/certificates.ts';
import {
  type Authority,
  type ClientCertificate,
  createCertificateFolder,
  makeAuthority,
  makeSelfSigned,
} from '../support/client-certificates.ts';
import { freePort } from '../support/free-port.ts';
import { type ProxyName, startTlsProxy, withoutProxy } from '../support/http-proxies.ts';
import { startServer, type TestServer } from '../support/server.ts';

const SERVICE: Partial<ClientInput> = {
  grantTypes: ['client_credentials'],
  redirectUris: [],
  scope: 'notes:read',
  requireMtls: true,
};

/** A server behind a proxy that passes on certificates, and openid-client with a certificate in front of it. */
async function open(t: TestContext, proxy: ProxyName) {
  const folder = createCertificateFolder();
  const authority = makeAuthority(folder);
  const port = await freePort();
  const server = await startServer(t, 'sqlite', {
    config: {
      trustProxy: ['127.0.0.1'],
      clientCertificates: { header: 'x-client-cert', verifiedHeader: 'x-client-verify' },
      mtlsUrl: `https://localhost:${port}`,
    },
  });
  const origin = `http://127.0.0.1:${server.config.port}`;
  await startTlsProxy(t, proxy, { files: authority, origin, port });
  return { folder, authority, server };
}

/** openid-client, which sends the certificate to the endpoints that discovery names for it. */
async function connect(
  t: TestContext,
  { server, authority }: { server: TestServer; authority: Authority },
  clientId: string,
  certificate?: ClientCertificate,
) {
  const { cert, key } = certificate ?? {};
  const ca = authority.server.cert;
  const agent = new Agent({
    connect: {
      ca: [ca, readFileSync(authority.ca, 'utf8')],
      ...(cert && { cert, key }),
    },
  });
  t.after(() => agent.close());
  const customFetch: oidc.CustomFetch = (url, options) =>
    undiciFetch(url, { ...options, dispatcher: agent } as never) as never;
  return oidc.discovery(
    new URL(server.issuer),
    clientId,
    { use_mtls_endpoint_aliases: true },
    oidc.TlsClientAuth(),
    { execute: [oidc.allowInsecureRequests], [oidc.customFetch]: customFetch },
  );
}

for (const proxy of ['nginx', 'haproxy'] as const)
  test(`openid-client authenticates by its certificate through ${proxy}, and its tokens are bound to it`, {
    skip: withoutProxy(proxy) || (!isOpensslInstalled() && 'apt-get install openssl'),
  }, async (t) => {
    const world = await open(t, proxy);
    const { server, authority, folder } = world;
    const names =
      'subjectAltName=DNS:reports.example,URI:https://reports.example/a,email:ops@reports.example,IP:192.0.2.7';
    const own = authority.issue('own', '/C=DE/O=Harbour, Ltd/CN=reports', names);
    const other = authority.issue('other', '/CN=other', 'subjectAltName=DNS:other.example');
    const foreign = makeAuthority(folder, 'foreign').issue('copy', '/C=DE/O=Harbour, Ltd/CN=reports', names);
    const token = async (clientId: string, certificate?: ClientCertificate) => {
      const config = await connect(t, world, clientId, certificate);
      return { config, token: await oidc.clientCredentialsGrant(config, { scope: 'notes:read' }) };
    };
    const refuses = (clientId: string, certificate: ClientCertificate | undefined, why: string) =>
      assert.rejects(token(clientId, certificate), { error: 'invalid_client' }, why);

    for (const subject of [
      'dns=reports.example',
      'email=ops@reports.example',
      'ip=192.0.2.7',
      'uri=https://reports.example/a',
      'dn=CN=reports, O=Harbour\\, Ltd, C=DE',
    ]) {
      const client = await server.createClient({
        ...SERVICE,
        authMethod: 'tls_client_auth',
        certificateSubject: subject,
      });
      const { config, token: answer } = await token(client.client_id, own);
      const { active, cnf } = await oidc.tokenIntrospection(config, answer.access_token);
      assert.equal(active, true, subject);
      assert.equal(typeof (cnf as Record<string, string>)['x5t#S256'], 'string');
      await refuses(client.client_id, other, 'another name');
      await refuses(client.client_id, foreign, 'the same name by another authority');
      await refuses(client.client_id, undefined, 'no certificate');
    }

    const selfSigned = makeSelfSigned(folder, 'self');
    const client = await server.createClient({
      ...SERVICE,
      authMethod: 'self_signed_tls_client_auth',
      jwks: toKeySet(selfSigned.cert),
    });
    await token(client.client_id, selfSigned);
    await refuses(client.client_id, makeSelfSigned(folder, 'self'), 'the same name, another key');
    await refuses(client.client_id, own, 'a certificate that is not registered');
    await refuses(client.client_id, undefined, 'no certificate');
  });

test('tokens of a user are of use with the certificate that they were issued for', {
  skip: withoutProxy('nginx') || (!isOpensslInstalled() && 'apt-get install openssl'),
}, async (t) => {
  const world = await open(t, 'nginx');
  const { server, authority } = world;
  const own = authority.issue('own', '/CN=reports', 'subjectAltName=DNS:reports.example');
  const renewed = authority.issue('renewed', '/CN=reports', 'subjectAltName=DNS:reports.example');
  const client = await server.createClient({
    authMethod: 'tls_client_auth',
    certificateSubject: 'dns=reports.example',
    requireMtls: true,
  });
  const ada = await server.createAccount();
  const config = await connect(t, world, client.client_id, own);
  const [redirect_uri = ''] = client.redirect_uris as string[];
  const verifier = oidc.randomPKCECodeVerifier();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri,
    scope: 'openid profile offline_access',
    state: 'x',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  const request = { verifier, params: Object.fromEntries(url.searchParams) };
  const answer = await walk(new Browser(server.issuer), request, ada);
  const arrived = new URL(`${redirect_uri}?${answerOf(answer)}`);
  const tokens = await oidc.authorizationCodeGrant(config, arrived, {
    pkceCodeVerifier: verifier,
    expectedState: 'x',
  });
  const subject = String(tokens.claims()?.sub);
  assert.equal(
    (await oidc.fetchUserInfo(config, tokens.access_token, subject)).preferred_username,
    ada.username,
  );
  const thief = await connect(t, world, client.client_id, authority.issue('thief', '/CN=thief'));
  await assert.rejects(oidc.fetchUserInfo(thief, tokens.access_token, subject));
  const plain = { headers: { authorization: `Bearer ${tokens.access_token}` } };
  assert.equal((await fetch(`${server.issuer}/me`, plain)).status, 401);
  // A confidential client authenticates again for each refresh, so its refresh tokens outlive a certificate.
  const later = await connect(t, world, client.client_id, renewed);
  const refreshed = await oidc.refreshTokenGrant(later, String(tokens.refresh_token));
  await assert.rejects(oidc.fetchUserInfo(config, refreshed.access_token, subject));
  await oidc.fetchUserInfo(later, refreshed.access_token, subject);
});

test('the header of a certificate is believed from trusted proxies only', async (t) => {
  const folder = createCertificateFolder();
  const { cert } = makeSelfSigned(folder, 'self');
  const clientCertificates = { header: 'x-client-cert', verifiedHeader: 'x-client-verify' };
  const der = cert.replace(/-----.*-----|\s/g, '');
  const formats = [encodeURIComponent(cert), der, `:${der}:`, cert.trim().replaceAll('\n', ' ')];
  const wrong = ['', 'x', `${der}, ${der}`, `${der.slice(0, -8)}`, '%', '-----BEGIN CERTIFICATE-----'];
  for (const [trustProxy, isBelieved] of [
    [['127.0.0.1'], true],
    [1, true],
    [['10.0.0.0/8'], false],
  ] as const) {
    const server = await startServer(t, 'sqlite', {
      config: { trustProxy: trustProxy as number | string[], clientCertificates },
    });
    const { client_id } = await server.createClient({
      ...SERVICE,
      authMethod: 'self_signed_tls_client_auth',
      jwks: toKeySet(cert),
    });
    const send = async (header: string) => {
      const body = new URLSearchParams({ client_id, grant_type: 'client_credentials' });
      const headers = { 'x-client-cert': header, 'x-client-verify': 'SUCCESS' };
      return (await fetch(`${server.issuer}/token`, { method: 'POST', body, headers })).status;
    };
    for (const format of formats)
      assert.equal(await send(format), isBelieved ? 200 : 401, format.slice(0, 40));
    for (const format of wrong) assert.equal(await send(format), 401, format.slice(0, 40));
    // The certificate is valid for two days.
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 3 * 86_400_000 });
    assert.equal(await send(der), 401);
    t.mock.timers.reset();
  }
});

test('without the setting, no client is registered for it, and tokens that must be bound are not issued', async (t) => {
  const server = await startServer(t, 'sqlite', { config: { trustProxy: 1 } });
  for (const input of [
    { authMethod: 'tls_client_auth', certificateSubject: 'dns=a.example' },
    { requireMtls: true },
  ] as const)
    await assert.rejects(async () => server.createClient(input), { code: 'mutual_tls_off' });
  const discovery = await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json();
  const { token_endpoint_auth_methods_supported: methods, ...document } = discovery as Record<
    string,
    string[]
  >;
  assert.deepEqual(
    methods?.filter((method) => method.includes('tls')),
    [],
  );
  assert.equal('tls_client_certificate_bound_access_tokens' in document, false);

  const client = await server.createClient({
    grantTypes: ['client_credentials'],
    redirectUris: [],
    scope: 'notes:read',
  });
  const [{ metadata }] = await server.database.knex('T_oauth_clients').where({ client_id: client.client_id });
  const bound = { ...JSON.parse(metadata), tls_client_certificate_bound_access_tokens: true };
  await server.database.knex('T_oauth_clients').update({ metadata: JSON.stringify(bound) });
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: client.client_id,
    client_secret: String(client.client_secret),
  });
  assert.equal((await fetch(`${server.issuer}/token`, { method: 'POST', body })).status, 400);
});
