/**
 * Makes the database user that Signalbox signs in as, or gives it its present password: it may read and write the one
 * database and nothing else. Done at each start and not by the image's init scripts, which run on an empty volume only,
 * so that a changed password takes effect.
 */
import mongoose from 'mongoose';

const { MONGODB_URI: uri, MONGODB_USERNAME: user, MONGODB_PASSWORD: pwd, MONGODB_ROOT_USERNAME, MONGODB_ROOT_PASSWORD } = process.env;
const ALREADY_THERE = 51003;
const SIGN_IN_REFUSED = 18;

async function provision(database, role) {
  try {
    await database.command({ createUser: user, pwd, roles: [role] });
    return `made the user ${user}`;
  } catch (error) {
    if (error.code !== ALREADY_THERE && !/already exists/i.test(error.message)) throw error;
  }
  await database.command({ updateUser: user, pwd });
  return `the user ${user} is there`;
}

if (/:\/\/[^/@]*@/.test(uri)) {
  console.log('MONGODB_URI names a user of its own: nothing to do');
  process.exit(0);
}
const client = new mongoose.mongo.MongoClient(uri, {
  auth: { username: MONGODB_ROOT_USERNAME, password: MONGODB_ROOT_PASSWORD },
  authSource: 'admin',
  serverSelectionTimeoutMS: 10_000,
});
try {
  const database = client.db();
  const { databaseName: db } = database;
  const said = await provision(database, { role: 'readWrite', db });
  console.log(`${said}, with the right to read and write ${db}`);
} catch (error) {
  if (error.code !== SIGN_IN_REFUSED) throw error;
  console.error(
    `provision: MongoDB does not take MONGODB_ROOT_PASSWORD for ${MONGODB_ROOT_USERNAME}: its volume was made with another one (a .env that was replaced?); see DEPLOYMENT.md, Passwords`,
  );
  process.exitCode = 1;
} finally {
  await client.close();
}
