import { describesItself } from '../../access/registered-via.ts';
import type { Driver } from '../../database/driver/contract.ts';
import { randomToken, uuidv7 } from '../../kit/ids.ts';
import type { Secrets } from '../../kit/secrets.ts';
import { createClientCache } from '../clients/cache.ts';
import type { EngineClient } from '../clients/client-document.ts';
import { findDescribed } from './described.ts';
import { createMetadataDocuments } from './metadata-documents.ts';
import { createMetadataRules } from './metadata-rules.ts';
import { createRegisteredClients } from './registered-clients.ts';

interface RegistrationDeps {
  config: { issuer: string; implicitGrant: boolean; registration: { documents: boolean } };
  driver: Driver;
  secrets: Pick<Secrets, 'seal' | 'open'>;
  limits: {
    /** Counts a document that is to be fetched. @throws LatchkeyError rate_limited */
    metadataDocument: { countAttempt(ip: string | undefined): Promise<void> };
  };
}

/**
 * Whether the list of a `sector_identifier_uri` is read (OpenID Connect Registration section 5). That of an application that
 * registers itself is read when it registers or changes, and not each time that a stranger names it in a request.
 */
const isSectorRead = (client: EngineClient): boolean =>
  !describesItself(client) || findDescribed(client.clientId) !== undefined;

/** What the engine needs for applications that register themselves. */
export function createRegistration({ config, driver, secrets, limits }: RegistrationDeps) {
  const cache = createClientCache({ driver, server: config, secrets });
  return {
    /** The storage of clients: those that are registered, and those that register themselves. */
    clients: { find: cache.find, ...createRegisteredClients({ secrets, forget: cache.forget }) },
    checkMetadata: createMetadataRules(config),
    isSectorRead,
    features: {
      registration: {
        enabled: true,
        // `who-may-register.ts` checks the token: it counts its uses, and in the mode `open` a token is optional.
        initialAccessToken: false,
        idFactory: () => uuidv7(),
        secretFactory: () => randomToken(),
        issueRegistrationAccessToken: true,
      },
      // A new token with each change would be lost with the response that carries it.
      registrationManagement: { enabled: true, rotateRegistrationAccessToken: false },
      clientIdMetadataDocument: createMetadataDocuments({
        driver,
        isEnabled: config.registration.documents,
        countFetch: limits.metadataDocument.countAttempt,
      }),
    },
  };
}

export type Registration = ReturnType<typeof createRegistration>;
