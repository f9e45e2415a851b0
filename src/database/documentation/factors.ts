import { type Described, DIGEST } from './model.ts';

export const factors: Record<string, Described> = {
  T_webauthn_credentials: {
    part: 'factors',
    purpose: 'A passkey or security key of a person.',
    columns: {
      key_id:
        "The credential id that the authenticator chose, base64url; WebAuthn's name for the key, no secret.",
      key_id_hash: 'Its digest, which fits an index.',
      account_id: 'Whose it is.',
      kind: 'What it may do.',
      name: 'What the person calls it.',
      public_key: 'The COSE public key, base64url.',
      attestation_type: "What the authenticator proved of its maker: WebAuthn's name for it.",
      authenticator: 'JSON: `aaguid`, transports, device type, whether it is backed up.',
      sign_count: 'The counter at its last use; one that goes back betrays a copy.',
      challenge_id: 'The challenge by which it was registered, as long as that is there.',
      signed_at: 'When a key that already was signed vouched for it; NULL: it opens nothing.',
      signed_by: 'Which key vouched; NULL for the first of an account.',
      last_used_at: 'The last sign-in with it.',
      last_used_ip: 'From where.',
      deleted_at: 'When it was removed: dead for sign-in, kept for the audit.',
    },
    values: {
      kind: { passkey: 'signs in by itself', security_key: 'stands after a password' },
      attestation_type: {
        none: 'nothing was proved (what Latchkey asks for)',
        packed: 'packed attestation',
        'fido-u2f': 'a U2F key',
        tpm: 'a TPM',
        apple: 'an Apple device',
        'android-key': 'an Android key store',
        'android-safetynet': 'SafetyNet',
        compound: 'several at once',
      },
    },
    indices: {
      I_webauthn_credentials_key_id_hash: 'Signing in; no key is registered twice.',
      I_webauthn_credentials_account_id: "A person's keys; deleting the account.",
      I_webauthn_credentials_challenge_id: 'The clean-up of challenges, which sets it to NULL.',
      I_webauthn_credentials_signed_by: 'Deleting a key sets it to NULL.',
    },
    secrets: {
      key_id: {
        rests: 'plain',
        thief: 'Nothing: it names a key and opens nothing without the authenticator.',
      },
      key_id_hash: { rests: 'hashed', thief: 'Nothing: a digest of `key_id`.' },
      public_key: { rests: 'plain', thief: 'Nothing: it verifies and does not sign.' },
    },
    security: [
      'A key that nobody vouched for cannot sign in.',
      'The last way into an account cannot be removed.',
    ],
    life: 'Until its account is deleted; removed ones stay, marked by `deleted_at`.',
    content: 'Empty.',
  },
  T_webauthn_challenges: {
    part: 'factors',
    purpose: 'What an authenticator is asked to sign.',
    columns: {
      challenge_hash: 'Digest of the 256 random bits.',
      purpose: 'What the answer is good for, and nothing else.',
      bound_to_hash: 'Digest of what names the browser and the interaction or session in it.',
      account_id: 'Whose key must answer; NULL for a sign-in without a username.',
      user_handle: 'The id that an account being signed up will have.',
      allowed_credential_ids: 'JSON list of the keys that may answer; NULL: any that names its account.',
      user_verification: 'Whether the authenticator must make sure who holds it.',
      consumed_at: 'When it was answered, whether the answer was good or not.',
      expires_at: 'Five minutes after it was made.',
    },
    values: {
      purpose: {
        registration: 'a new key',
        authentication: 'a sign-in',
        second_factor: 'after a password',
        sign_key: 'vouching for another key',
      },
      user_verification: {
        required: 'it must',
        preferred: 'when it can',
        discouraged: 'a touch is enough',
      },
    },
    indices: {
      I_webauthn_challenges_challenge_hash: 'Looking at an answer.',
      I_webauthn_challenges_account_id: 'Deleting the account.',
      I_webauthn_challenges_expires_at: 'The clean-up.',
    },
    secrets: {
      challenge_hash: DIGEST,
      bound_to_hash: { ...DIGEST, thief: 'Nothing: a digest of what only that browser has.' },
    },
    security: [
      'Used up by one statement before the answer is looked at: one that failed is not tried again.',
    ],
    life: 'Five minutes.',
    content: 'Empty.',
  },
  T_totp_secrets: {
    part: 'factors',
    purpose: 'An authenticator app (RFC 6238): one an account.',
    columns: {
      account_id: 'Whose it is.',
      secret_sealed: 'The secret that the app has too.',
      confirmed_at: 'When the first code was right; NULL: it counts for nothing yet.',
      last_step: 'The last 30-second step that was accepted; none is accepted twice.',
      guesses: 'Wrong codes in the window under way.',
      guesses_expire_at: 'When that window ends.',
    },
    indices: { I_totp_secrets_account_id: 'The second factor; one app an account; deleting the account.' },
    secrets: {
      secret_sealed: { rests: 'sealed', thief: 'Nothing without LATCHKEY_SECRETS; with it, make the codes.' },
    },
    security: ['A guess is counted before the code is looked at: five in fifteen minutes.'],
    life: 'Until it is removed; goes with its account.',
    content: 'Empty.',
  },
  T_recovery_codes: {
    part: 'factors',
    purpose: 'Codes for who has no other factor at hand, ten at a time.',
    columns: {
      account_id: 'Whose it is.',
      code_hash: 'Digest of the code of 100 random bits.',
      consumed_at: 'When it was used.',
    },
    indices: {
      I_recovery_codes_code_hash: 'Using one.',
      I_recovery_codes_account_id: 'How many are left; making new ones; deleting the account.',
    },
    secrets: { code_hash: DIGEST },
    security: ['Shown once, when they are made; good once each.'],
    life: 'Until ten new ones take their place; goes with its account.',
    content: 'Empty.',
  },
};
