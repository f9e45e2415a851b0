export interface Section {
  path: string;
  text: string;
  /** The scope that opens it. */
  power: string;
}

/** The pages of the console, in their order. */
export const SECTIONS: Section[] = [
  { path: '/admin/invitations', text: 'Invitations', power: 'latchkey:invitations.read' },
];
