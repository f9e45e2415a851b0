export interface Section {
  path: string;
  text: string;
  /** The scope that opens it. */
  power: string;
}

export const FIRST: Section = {
  path: '/admin/invitations',
  text: 'Invitations',
  power: 'latchkey:invitations.read',
};

/** The pages of the console, in their order. */
export const SECTIONS: Section[] = [FIRST];
