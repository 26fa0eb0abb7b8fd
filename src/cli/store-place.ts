import { readEnvironment } from '../config/env-file.js';
import { serversOf } from '../config/servers.js';
import { readSettings } from '../config.js';
import { CliError } from './cli-error.js';

/** Settings that say where the store is. */
const ABOUT = [
  'MONGODB_URI',
  'MONGODB_USERNAME',
  'MONGODB_PASSWORD',
  'DIRECT_DATABASE_URL',
  'DATABASE_URL',
  'STORE_DRIVER',
  'DATA_DIR',
] as const;

export interface StorePlace {
  /** Null: the store is the embedded one. */
  readonly mongodb: string | null;
  readonly dataDir: string;
}

/** By the environment and .env. Only what says where the store is must be right: who migrates need not know the rest. */
export function storePlace(): StorePlace {
  const { variables } = readEnvironment();
  const names: readonly string[] = ABOUT;
  const { values, errors } = readSettings(Object.fromEntries(Object.entries(variables).filter(([name]) => names.includes(name))));
  const wrong = errors.filter((line) => ABOUT.some((name) => line.startsWith(`${name}: `) && !line.includes('RABBITMQ_URL')));
  if (wrong.length > 0) throw new CliError(wrong.join('; '));
  const mongodb = serversOf({ ...values, mongodbUri: values.mongodbUri ?? values.directDatabaseUrl }).mongodb?.directUri ?? null;
  return { mongodb, dataDir: values.dataDir };
}
