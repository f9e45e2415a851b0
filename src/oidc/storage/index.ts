import type { Secrets } from '../../kit/secrets.ts';
import { Adapter, ReplayAdapter } from './adapter.ts';
import { AuthorizationRequests } from './authorization-requests.ts';
import { Sessions } from './sessions.ts';

/** Finds applications for the engine; what it gives is the RFC 7591 document. */
export interface ClientSource {
  find(clientId: string): Promise<Record<string, unknown> | undefined>;
}

/** The `adapter` of the engine's configuration: its storage for each model by name. */
export function createStorage(deps: { secrets: Secrets; issuer: string; clients: ClientSource }) {
  return (name: string) => {
    if (name === 'Client') return deps.clients;
    if (name === 'Session') return new Sessions(deps.secrets);
    if (name === 'Interaction') return new AuthorizationRequests(deps.secrets, deps.issuer);
    return name === 'ReplayDetection'
      ? new ReplayAdapter(name, deps.secrets)
      : new Adapter(name, deps.secrets);
  };
}
