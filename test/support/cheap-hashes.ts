import bcrypt from 'bcrypt';

/**
 * Imported, or preloaded into a server that runs as a process of its own: bcrypt hashes at its least cost there, but
 * writes the requested cost into the hash, so that a sign-in takes a hundredth of the time. A mark in the salt separates
 * these hashes from real ones, which are verified as they are. The command and test/identity/password-hashing.test.ts keep the real cost.
 */
const CHEAP = '$2b$04$';
const MARK = 'CHEAP';
const { hash, compare, genSalt, genSaltSync } = bcrypt;

const marked = (salt: string) => salt.slice(0, CHEAP.length) + MARK + salt.slice(CHEAP.length + MARK.length);

bcrypt.genSaltSync = (cost) => marked(genSaltSync(cost));

bcrypt.hash = async (data, costOrSalt) => {
  const salt = typeof costOrSalt === 'string' ? costOrSalt : await genSalt(costOrSalt);
  const made = await hash(data, CHEAP + MARK + salt.slice(CHEAP.length + MARK.length));
  return salt.slice(0, CHEAP.length) + made.slice(CHEAP.length);
};

bcrypt.compare = (data, given) => {
  const cheap = given.startsWith(MARK, CHEAP.length);
  return compare(data, cheap ? CHEAP + given.slice(CHEAP.length) : given);
};
