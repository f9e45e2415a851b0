import { DIGEST, type TableDescription } from './model.ts';

export const factors: Record<string, TableDescription> = {
  T_webauthn_credentials: {
    part: 'factors',
    purpose: 'A passkey or security key of an account.',
    columns: {
      key_id: 'The WebAuthn credential id, base64url. It is not a secret.',
      key_id_hash: 'Digest of `key_id`, short enough for an index.',
      account_id: 'The account.',
      kind: 'What the key can do.',
      name: 'The name its owner gave it.',
      public_key: 'The COSE public key, base64url.',
      attestation_type: 'The WebAuthn attestation format with which it was registered.',
      authenticator: 'JSON: `aaguid`, transports, device type, whether it is backed up.',
      sign_count:
        'The signature counter at the last use. A lower counter means that the key may have been copied.',
      challenge_id: 'The challenge with which it was registered; NULL once that row is deleted.',
      signed_at: 'When it was confirmed by an existing credential. NULL: it cannot be used yet.',
      signed_by: 'The key that confirmed it; NULL for the first key of an account.',
      last_used_at: 'The last sign-in with it.',
      last_used_ip: 'The address of that sign-in.',
      deleted_at: 'When it was removed. The row stays for the audit log.',
    },
    values: {
      kind: {
        passkey: 'signs in on its own',
        security_key: 'second factor after a password',
      },
      attestation_type: {
        none: 'no attestation (the default)',
        packed: 'packed attestation',
        'fido-u2f': 'a U2F key',
        tpm: 'a TPM',
        apple: 'an Apple device',
        'android-key': 'an Android key store',
        'android-safetynet': 'SafetyNet',
        compound: 'several formats together',
      },
    },
    indices: {
      I_webauthn_credentials_key_id_hash: 'Signing in; a key can be registered only once.',
      I_webauthn_credentials_account_id: 'The keys of an account; deleting the account.',
      I_webauthn_credentials_challenge_id: 'The clean-up of challenges, which sets it to NULL.',
      I_webauthn_credentials_signed_by: 'Deleting the row of a key, which sets it to NULL.',
    },
    secrets: {
      key_id: {
        stored: 'plain',
        ifStolen: 'Nothing: it identifies a key and is useless without the authenticator.',
      },
      key_id_hash: { stored: 'hashed', ifStolen: 'Nothing: a digest of `key_id`.' },
      public_key: { stored: 'plain', ifStolen: 'Nothing: it verifies signatures and cannot make them.' },
    },
    security: [
      'A key that is not confirmed cannot sign in.',
      'The last way to sign in to an account cannot be removed.',
    ],
    lifetime: 'Until its account is deleted. Removed keys stay, marked by `deleted_at`.',
    initialContent: 'Empty.',
  },
  T_webauthn_challenges: {
    part: 'factors',
    purpose:
      'A challenge that an authenticator is asked to sign. For a sign-in without a username, the row is written only when a registered key answers.',
    columns: {
      challenge_hash:
        'Digest of the challenge: 256 random bits, or, for a sign-in without a username, 144 random bits and a signature.',
      purpose: 'The only thing the response can be used for.',
      bound_to_hash: 'Digest of the browser cookie and the interaction or session that asked.',
      account_id: 'The account whose key must respond; NULL for a sign-in without a username.',
      user_handle: 'During sign-up: the id that the account will get.',
      allowed_credential_ids: 'JSON list of the keys that can respond; NULL: any registered key.',
      user_verification: 'Whether the authenticator must verify its user, for example by PIN or fingerprint.',
      consumed_at: 'When a response arrived, valid or not.',
      expires_at: 'Five minutes after it was made.',
    },
    values: {
      purpose: {
        registration: 'register a key',
        authentication: 'sign in',
        second_factor: 'second factor after a password',
        sign_key: 'confirm another key',
      },
      user_verification: {
        required: 'it must',
        preferred: 'if it can',
        discouraged: 'a touch is enough',
      },
    },
    indices: {
      I_webauthn_challenges_challenge_hash: 'Checking a response.',
      I_webauthn_challenges_account_id: 'Deleting the account.',
      I_webauthn_challenges_expires_at: 'The clean-up.',
    },
    secrets: {
      challenge_hash: DIGEST,
      bound_to_hash: { ...DIGEST, ifStolen: 'Nothing: a digest of values that only that browser has.' },
    },
    security: [
      'One UPDATE marks the challenge as used before the response is checked, so a failed response cannot be sent again.',
    ],
    lifetime: 'Five minutes.',
    initialContent: 'Empty.',
  },
  T_totp_secrets: {
    part: 'factors',
    purpose: 'The authenticator app (RFC 6238) of an account; at most one.',
    columns: {
      account_id: 'The account.',
      secret_sealed: 'The secret shared with the app.',
      confirmed_at:
        'When the first correct code was entered. NULL: set-up is not finished, and the secret can be decrypted only in the session or sign-in that displayed it.',
      last_step: 'The 30-second step of the last accepted code. Each step is accepted once.',
      guesses: 'Not used any longer: wrong codes are counted in `T_accounts` and `T_known_browsers`.',
      guesses_expire_at: 'Not used any longer.',
    },
    indices: {
      I_totp_secrets_account_id: 'Checking a code; one app for each account; deleting the account.',
    },
    secrets: {
      secret_sealed: {
        stored: 'sealed',
        ifStolen: 'Nothing without LATCHKEY_SECRETS. With it, generate the codes.',
      },
    },
    security: [
      'The transaction that checks a code also counts the attempt, in `T_accounts`, or in `T_known_browsers` for a trusted browser. After every five failures there is a lock, each twice as long, up to a day, and after 100 until it is unlocked.',
    ],
    lifetime: 'Until it is removed or its account is deleted.',
    initialContent: 'Empty.',
  },
  T_recovery_codes: {
    part: 'factors',
    purpose: 'A recovery code, for users who cannot use their other factors. An account has ten.',
    columns: {
      account_id: 'The account.',
      code_hash: 'Digest of the code of 100 random bits.',
      consumed_at: 'When it was used.',
    },
    indices: {
      I_recovery_codes_code_hash: 'Using a code.',
      I_recovery_codes_account_id: 'Counting unused codes; replacing them; deleting the account.',
    },
    secrets: { code_hash: DIGEST },
    security: ['Shown once, when they are made. Each works once.'],
    lifetime: 'Until ten new ones replace them or the account is deleted.',
    initialContent: 'Empty.',
  },
};
