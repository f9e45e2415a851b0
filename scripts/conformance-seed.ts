import { seedConformance } from '../seeds/conformance.ts';
import { ACTOR } from '../seeds/suite-clients.ts';
import { withServices } from '../src/app/command.ts';
import { loadConfig } from '../src/config/index.ts';

/** `npm run conformance:seed`: makes what the OpenID Foundation's conformance suite needs, and prints its configuration. */
try {
  const { token, ...made } = await withServices(async (services) => ({
    ...(await seedConformance({
      ...services,
      issuer: services.clients.endpoints.issuer,
      mtlsUrl: loadConfig().mtlsUrl,
    })),
    // With it, the suite's applications are checked ones: they get errors by a redirect, and there is no limit of their number.
    token: await services.registrationTokens.create(ACTOR, { description: 'conformance', maxUses: 1000 }),
  }));
  process.stderr.write(`The suite signs in as ${made.username} with the password ${made.password}\n`);
  if (!made.cibaConfiguration)
    process.stderr.write(
      'Without LATCHKEY_CLIENT_CERT_HEADER there are no clients for mutual TLS and CIBA.\n',
    );
  const registers = { initial_access_token: token.token };
  const configurations = {
    oidcc: made.configuration,
    dynamic: { ...made.configuration, client: registers, client2: registers },
    backchannel: made.backchannelConfiguration,
    fapi2: made.fapiConfiguration,
    'fapi2-signed': made.signedConfiguration,
    'fapi2-mtls': made.mtlsConfiguration,
    ciba: made.cibaConfiguration,
  };
  process.stdout.write(`${JSON.stringify(configurations, null, 2)}\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
