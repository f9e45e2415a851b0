import { seedConformance } from '../seeds/conformance.ts';
import { withServices } from '../src/app/command.ts';

/** `npm run conformance:seed`: makes what the OpenID Foundation's conformance suite needs, and prints its configuration. */
try {
  const { username, password, configuration, fapiConfiguration, cibaConfiguration } = await withServices(
    (services) => seedConformance({ ...services, issuer: services.clients.endpoints.issuer }),
  );
  process.stderr.write(`The suite signs in as ${username} with the password ${password}\n`);
  if (!cibaConfiguration)
    process.stderr.write('Without LATCHKEY_CLIENT_CERT_HEADER there are no clients for the plans of CIBA.\n');
  const configurations = { oidcc: configuration, fapi2: fapiConfiguration, ciba: cibaConfiguration };
  process.stdout.write(`${JSON.stringify(configurations, null, 2)}\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
