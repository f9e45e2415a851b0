import bcrypt from 'bcrypt';

/**
 * Imported, or preloaded into a server that runs as a process of its own: bcrypt hashes at its least cost there, but
 * writes the requested cost into the hash, so that a sign-in takes a hundredth of the time. A mark in the salt separates
 * these hashes from real ones, which are verified as they are. The command and test/identity/password-hashing.test.ts keep the real cost.
 */
const CHEAP = '$2b$04$';
const MARK = 'CHEAP';
const { hash, compare, genSalt } = bcrypt;

bcrypt.hash = async (data, cost) => {
  const salt = await genSalt(4);
  const made = await hash(data, CHEAP + MARK + salt.slice(CHEAP.length + MARK.length));
  return `$2b$${String(cost).padStart(2, '0')}$${made.slice(CHEAP.length)}`;
};

bcrypt.compare = (data, given) => {
  const cheap = given.startsWith(MARK, CHEAP.length);
  return compare(data, cheap ? CHEAP + given.slice(CHEAP.length) : given);
};
