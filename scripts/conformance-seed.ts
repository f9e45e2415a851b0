import { seedConformance } from '../seeds/conformance.ts';
import { withServices } from '../src/app/command.ts';
import { loadConfig } from '../src/config/index.ts';

/** `npm run conformance:seed`: makes what the OpenID Foundation's conformance suite needs, and prints its configuration. */
try {
  const made = await withServices((services) =>
    seedConformance({
      ...services,
      issuer: services.clients.endpoints.issuer,
      mtlsUrl: loadConfig().mtlsUrl,
    }),
  );
  process.stderr.write(`The suite signs in as ${made.username} with the password ${made.password}\n`);
  if (!made.cibaConfiguration)
    process.stderr.write(
      'Without LATCHKEY_CLIENT_CERT_HEADER there are no clients for mutual TLS and CIBA.\n',
    );
  const configurations = {
    oidcc: made.configuration,
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
