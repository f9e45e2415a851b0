import type { Knex } from 'knex';
import { LatchkeyError } from '../../kit/errors.ts';
import type { Authority } from './authority.ts';
import { codeHash } from './codes.ts';
import { stateOf } from './invitation.ts';
import {
  findInvitation,
  type InvitationState,
  isCreatedAlone,
  SET_UP_ID,
  type StoredInvitation,
} from './store.ts';

/** What an invitation offers, to show before it is used. */
export interface Offer {
  /** Null for the operator. */
  inviter: string | null;
  /** Whether it makes the first administrator. */
  isSetUp: boolean;
  label: string | null;
  /** Whether it is for one person, whom the label may name. */
  isForOne: boolean;
  /** The only address with which an account can be created. */
  email: string | null;
  scopes: string[];
  roles: string[];
  expiresAt: Date | null;
}

/** `isUnknown`: nobody was given this code, so it may be a guess. */
export type OfferResult = { offer: Offer } | { refusal: LatchkeyError; isUnknown: boolean };

export const unknownCode = () =>
  new LatchkeyError(
    'invalid_input',
    'invitation_unknown',
    'This is not a valid invitation code. Check it, or ask the person who gave it to you.',
  );

const STATES: Record<Exclude<InvitationState, 'waiting'>, string> = {
  expired: 'This invitation has expired.',
  used: 'This invitation has been used.',
  revoked: 'This invitation was withdrawn.',
};

/** Why an invitation cannot be used, and whom to ask for a new one. */
export function cannotUse(state: keyof typeof STATES, { inviter }: StoredInvitation): LatchkeyError {
  const name = inviter?.name ?? inviter?.username ?? 'the person who invited you';
  const message = `${STATES[state]} Ask ${name} for a new one.`;
  return new LatchkeyError('invalid_input', `invitation_${state}`, message);
}

export function createOffers({ knex, authority }: { knex: Knex; authority: Authority }) {
  return {
    /** Does not use the invitation up: a page may be opened twice, and by mail scanners. @param code as it was typed */
    async findOffer(code: string): Promise<OfferResult> {
      const hash = codeHash(code);
      const invitation = hash === undefined ? undefined : await findInvitation(knex, { code_hash: hash });
      if (!invitation) return { refusal: unknownCode(), isUnknown: true };
      const state = stateOf(invitation);
      if (state !== 'waiting') return { refusal: cannotUse(state, invitation), isUnknown: false };
      const { id, inviter, label, email, maxUses, expiresAt } = invitation;
      const isForOne = maxUses === 1 && (await isCreatedAlone(knex, id));
      const { scopes, roles } = await authority.findGrants(knex, invitation);
      const name = inviter?.name ?? inviter?.username ?? null;
      return {
        offer: { inviter: name, isSetUp: id === SET_UP_ID, label, isForOne, email, scopes, roles, expiresAt },
      };
    },
  };
}
