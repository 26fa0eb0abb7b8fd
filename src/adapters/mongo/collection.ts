import type { mongo } from 'mongoose';
import type { DatabaseConnectionPool } from './pool.js';

/** Runs commands on one collection, each as {@link DatabaseConnectionPool.run} does. */
export type Commands<Document extends mongo.Document> = <T>(command: (collection: mongo.Collection<Document>) => Promise<T>) => Promise<T>;

export function commandsOn<Document extends mongo.Document>(pool: DatabaseConnectionPool, name: string): Commands<Document> {
  return (command) => pool.run((database) => command(database.collection<Document>(name)));
}
