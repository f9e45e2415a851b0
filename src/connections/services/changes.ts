import type { ServiceInput } from './input.ts';
import type { ServiceSettings } from './service-config.ts';
import type { ServiceColumns } from './store.ts';

/** What is to change of a service, or to be different from its preset. Null removes a value. */
export type ServiceChange = {
  [Key in keyof Omit<ServiceInput, 'name' | 'settings'>]?: ServiceInput[Key] | null | undefined;
} & { settings?: Partial<ServiceSettings> | undefined };

/** A service of which parts may be missing. The schema says which. */
export type Draft = Partial<Omit<ServiceInput, 'settings'>> & { settings?: Partial<ServiceSettings> };

/** @returns the draft with what the change names; null removes a value, and settings are changed one by one */
export function applyChange(draft: Draft, change: ServiceChange): Draft {
  const { settings, ...members } = change;
  const changes = Object.entries(members).filter(([, value]) => value !== undefined);
  const changed = Object.fromEntries(changes.map(([name, value]) => [name, value ?? undefined]));
  return { ...draft, ...changed, settings: { ...draft.settings, ...settings } };
}

/** @returns the names of the columns that differ, for the audit log */
export function findChanged(before: ServiceColumns, after: ServiceColumns, secretChanged: boolean): string[] {
  const names = Object.keys(after) as (keyof ServiceColumns)[];
  const changed: string[] = names.filter((name) => before[name] !== after[name]);
  return secretChanged ? [...changed, 'client_secret'] : changed;
}
