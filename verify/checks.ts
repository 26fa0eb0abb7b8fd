import type { Check } from './check.js';
import { OF_ALERTS } from './checks/alerts.js';
import { OF_THE_BUSINESS } from './checks/business.js';
import { COMMANDS } from './checks/commands.js';
import { CONFLICTS } from './checks/conflicts.js';
import { OF_COPIES } from './checks/copies.js';
import { DATA } from './checks/data.js';
import { DESK } from './checks/desk.js';
import { DRILLED } from './checks/drills.js';
import { ENDPOINTS } from './checks/endpoints.js';
import { FILES } from './checks/files.js';
import { OF_A_FLEET } from './checks/fleet.js';
import { LOAD } from './checks/load.js';
import { LOGS } from './checks/logs.js';
import { MESSAGE_FILES } from './checks/message-files.js';
import { MESSAGE_ROLLOUT } from './checks/message-rollout.js';
import { ON_MESSAGE_SERVERS } from './checks/message-servers.js';
import { OF_MESSAGES } from './checks/messages.js';
import { METRICS } from './checks/metrics.js';
import { MONITORING } from './checks/monitoring.js';
import { OF_NOTIFICATIONS } from './checks/notifications.js';
import { PLANTED_FAULTS } from './checks/planted.js';
import { RECEIVERS } from './checks/receivers.js';
import { REDIS } from './checks/redis.js';
import { RELIABILITY } from './checks/reliability.js';
import { SECURITY } from './checks/security.js';
import { SERVERS } from './checks/servers.js';
import { OF_SETTINGS } from './checks/settings.js';
import { SOAKS } from './checks/soak.js';
import { STACK } from './checks/stack.js';
import { STARTING } from './checks/starting.js';
import { WORKERS } from './checks/workers.js';

/** The checks by what they look at. */
export const GROUPS = {
  settings: OF_SETTINGS,
  fleet: OF_A_FLEET,
  endpoints: ENDPOINTS,
  workers: WORKERS,
  desk: DESK,
  notifications: OF_NOTIFICATIONS,
  messages: [...OF_MESSAGES, ...ON_MESSAGE_SERVERS, ...MESSAGE_FILES, ...MESSAGE_ROLLOUT, ...OF_COPIES],
  metrics: METRICS,
  load: LOAD,
  logs: LOGS,
  commands: COMMANDS,
  data: DATA,
  files: FILES,
  reliability: RELIABILITY,
  drills: DRILLED,
  servers: SERVERS,
  conflicts: CONFLICTS,
  soaks: SOAKS,
  stack: STACK,
  starting: STARTING,
  monitoring: MONITORING,
  receivers: RECEIVERS,
  alerts: OF_ALERTS,
  business: OF_THE_BUSINESS,
  planted: PLANTED_FAULTS,
  redis: REDIS,
  security: SECURITY,
} as const satisfies Readonly<Record<string, readonly Check[]>>;

export const CHECKS: readonly Check[] = Object.values(GROUPS).flat();
