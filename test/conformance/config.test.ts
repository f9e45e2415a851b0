import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createEnds } from '../support/builders/conformance.ts';
import { startServer, type TestServer } from '../support/server.ts';

/** Members beyond RFC 8414 and the OpenID specifications, of which the suite would warn. */
const KNOWN = new Set(
  `issuer authorization_endpoint token_endpoint jwks_uri registration_endpoint scopes_supported response_types_supported
  response_modes_supported grant_types_supported token_endpoint_auth_methods_supported
  token_endpoint_auth_signing_alg_values_supported service_documentation ui_locales_supported op_policy_uri op_tos_uri
  revocation_endpoint revocation_endpoint_auth_methods_supported revocation_endpoint_auth_signing_alg_values_supported
  introspection_endpoint introspection_endpoint_auth_methods_supported
  introspection_endpoint_auth_signing_alg_values_supported code_challenge_methods_supported userinfo_endpoint
  end_session_endpoint subject_types_supported id_token_signing_alg_values_supported userinfo_signing_alg_values_supported
  request_object_signing_alg_values_supported display_values_supported claim_types_supported claims_supported
  claims_locales_supported claims_parameter_supported request_parameter_supported request_uri_parameter_supported
  require_request_uri_registration acr_values_supported backchannel_logout_supported backchannel_logout_session_supported
  dpop_signing_alg_values_supported pushed_authorization_request_endpoint require_pushed_authorization_requests
  authorization_details_types_supported backchannel_authentication_endpoint backchannel_token_delivery_modes_supported
  backchannel_authentication_request_signing_alg_values_supported backchannel_user_code_parameter_supported
  authorization_signing_alg_values_supported mtls_endpoint_aliases tls_client_certificate_bound_access_tokens
  authorization_response_iss_parameter_supported device_authorization_endpoint require_signed_request_object
  introspection_signing_alg_values_supported prompt_values_supported client_id_metadata_document_supported
  protected_resources`.split(/\s+/),
);

describe('the config plan', () => {
  const { t, close } = createEnds();
  let server: TestServer;
  let metadata: Record<string, unknown>;
  before(async () => {
    server = await startServer(t, 'sqlite');
    const response = await fetch(`${server.issuer}/.well-known/openid-configuration`);
    assert.match(String(response.headers.get('content-type')), /^application\/json/);
    metadata = (await response.json()) as Record<string, unknown>;
  });
  after(close);

  test('oidcc-discovery-endpoint-verification: the issuer is the address that was asked, and every endpoint below it', () => {
    assert.equal(metadata.issuer, server.issuer);
    for (const [name, value] of Object.entries(metadata))
      if (/_(endpoint|uri)$/.test(name)) assert.ok(String(value).startsWith(server.issuer), name);
  });

  test('oidcc-discovery-endpoint-verification: the lists have what OpenID Connect Discovery section 3 requires', () => {
    const REQUIRED: Record<string, string[]> = {
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      userinfo_signing_alg_values_supported: ['RS256'],
      request_object_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid', 'profile', 'email', 'address', 'phone', 'offline_access'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      claims_supported: ['sub', 'name', 'email', 'address', 'phone_number', 'birthdate'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      response_modes_supported: ['query', 'fragment', 'form_post', 'jwt'],
    };
    for (const [name, values] of Object.entries(REQUIRED)) {
      const published = metadata[name] as string[];
      assert.ok(Array.isArray(published), name);
      for (const value of values) assert.ok(published.includes(value), `${name}: ${value}`);
    }
    assert.deepEqual(
      [metadata.claims_parameter_supported, metadata.request_parameter_supported],
      [true, true],
    );
  });

  test('oidcc-discovery-endpoint-verification: no member is unknown to the specifications', () => {
    assert.deepEqual(
      Object.keys(metadata).filter((name) => !KNOWN.has(name)),
      [],
    );
  });

  test('oidcc-discovery-endpoint-verification: each published key has its own kid and no private part', async () => {
    const { keys } = (await (await fetch(`${server.issuer}/jwks`)).json()) as {
      keys: Record<string, string>[];
    };
    assert.equal(new Set(keys.map(({ kid }) => kid)).size, keys.length);
    for (const key of keys) assert.ok(key.kid && key.alg && key.use === 'sig' && !('d' in key));
  });
});
