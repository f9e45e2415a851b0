import { applications } from './applications.ts';
import { factors } from './factors.ts';
import { invitations } from './invitations.ts';
import type { Described } from './model.ts';
import { people } from './people.ts';
import { protocol } from './protocol.ts';
import { upkeep } from './upkeep.ts';

/** Every table of the migrated schema, by the parts of the document. */
export const descriptions: Record<string, Described> = {
  ...people,
  ...factors,
  ...invitations,
  ...applications,
  ...protocol,
  ...upkeep,
};
