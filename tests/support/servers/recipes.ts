import { mongodb } from './mongodb.js';
import { rabbitmq } from './rabbitmq.js';
import type { Recipe, ServerName } from './recipe.js';
import { redis } from './redis.js';
import { toxiproxy } from './toxiproxy.js';

export const recipes: Readonly<Record<ServerName, Recipe>> = { mongodb, rabbitmq, redis, toxiproxy };
