import type { Provider } from 'oidc-provider';

/** Lets grants have one more member that is stored with them. The engine reads the list once, at the first grant. */
export function addToGrantPayload(provider: Provider, member: string): void {
  const model = provider.Grant as unknown as { IN_PAYLOAD: string[] };
  const members = [...model.IN_PAYLOAD, member];
  Object.defineProperty(model, 'IN_PAYLOAD', { get: () => members });
}
