import { mongodb } from './mongodb.js';
import { alertmanager, prometheus } from './prometheus.js';
import { rabbitmq } from './rabbitmq.js';
import type { OwnName, Recipe } from './recipe.js';
import { redis } from './redis.js';
import { toxiproxy } from './toxiproxy.js';

export const recipes: Readonly<Record<OwnName, Recipe>> = { alertmanager, mongodb, prometheus, rabbitmq, redis, toxiproxy };
