import type { Secrets } from '../../kit/secrets.ts';
import { Adapter } from './adapter.ts';
import { AuthorizationRequests } from './authorization-requests.ts';
import { ReplayDetection } from './replay-detection.ts';
import { Sessions } from './sessions.ts';

/** Finds applications for the engine, as documents of RFC 7591. */
export interface ClientSource {
  find(clientId: string): Promise<Record<string, unknown> | undefined>;
}

/** The engine's `adapter`: returns the storage of a model by the model's name. */
export function createStorage(deps: {
  config: { issuer: string; refreshOverlap: number };
  secrets: Secrets;
  clients: ClientSource;
}) {
  return (name: string) => {
    if (name === 'Client') return deps.clients;
    if (name === 'Session') return new Sessions(deps.secrets);
    if (name === 'Interaction') return new AuthorizationRequests(deps.secrets, deps.config.issuer);
    if (name === 'ReplayDetection') return new ReplayDetection(name, deps.secrets, deps.config);
    return new Adapter(name, deps.secrets, deps.config);
  };
}
