import { OURS, orNone, rate } from './metrics.js';
import { type Board, lines, number } from './panels.js';

const FLEET_ONLY = 'only in a fleet';

/** Processes and machines: who lives, what each does, what it takes. */
export const workers: Board = {
  uid: 'signalbox-workers',
  title: 'Signalbox: workers and resources',
  about: 'Processes and machines: who lives, what each does, what it takes. Percentages are of what the process may use.',
  choices: [{ label: 'instance', of: 'signalbox_cpu_limit_cores' }],
  rows: [
    {
      title: 'Processes',
      panels: [
        lines({
          title: 'The fleet',
          about: 'Processes alive, by role, as the registry has it; and those that fell silent.',
          unit: 'none',
          queries: [
            { expr: 'signalbox:fleet_members', legend: '{{role}}' },
            { expr: 'count(signalbox:workers_lost) or vector(0)', legend: 'workers lost' },
          ],
        }),
        lines({
          title: 'Uptime',
          about: 'Since each process started.',
          unit: 's',
          queries: [{ expr: `time() - process_start_time_seconds{${OURS}}`, legend: '{{instance}}' }],
        }),
        lines({
          title: 'Deliveries brought to rest',
          about: 'By process.',
          unit: 'ops',
          stacked: true,
          queries: [
            {
              expr: rate(`signalbox_deliveries_settled_total{${OURS},status=~"delivered|dead|held|skipped|expired|cancelled"}`, 'instance'),
              legend: '{{instance}}',
            },
          ],
        }),
        lines({
          title: 'Attempts that fail',
          about: 'Share of all attempts of a process that did not deliver.',
          unit: 'percentunit',
          queries: [
            {
              expr: `${rate(`signalbox_attempts_total{${OURS},result!="delivered"}`, 'instance')} / (${rate(`signalbox_attempts_total{${OURS}}`, 'instance')} > 0)`,
              legend: '{{instance}}',
            },
          ],
        }),
        lines({
          title: 'Worker utilisation',
          about: 'Records in hand, of those it would take.',
          unit: 'percentunit',
          max: 1,
          queries: [
            {
              expr: `signalbox_records_held{${OURS},state="held"} / ignoring (state) signalbox_records_held{${OURS},state="limit"}`,
              legend: '{{instance}}',
            },
          ],
        }),
        lines({
          title: 'Event loop lag (p99)',
          about: 'How long a process is busy with one thing.',
          unit: 's',
          queries: [{ expr: `nodejs_eventloop_lag_p99_seconds{${OURS}}`, legend: '{{instance}}' }],
        }),
      ],
    },
    {
      title: 'Resources',
      panels: [
        lines({
          title: 'CPU',
          about: 'Of its limit. Promised: below 70 %.',
          unit: 'percentunit',
          warn: 0.7,
          bad: 0.8,
          queries: [{ expr: `signalbox:cpu_ratio{${OURS}}`, legend: '{{instance}}' }],
        }),
        lines({
          title: 'Memory',
          about: 'Of its limit.',
          unit: 'percentunit',
          bad: 0.8,
          queries: [{ expr: `signalbox:memory_ratio{${OURS}}`, legend: '{{instance}}' }],
        }),
        lines({
          title: 'Memory in bytes',
          about: 'Promised: a worker stays below 512 MB.',
          unit: 'bytes',
          queries: [{ expr: `process_resident_memory_bytes{${OURS}}`, legend: '{{instance}}' }],
        }),
        lines({
          title: 'Disk I/O',
          about: 'Reads and writes that the disk had to serve.',
          unit: 'iops',
          queries: [
            { expr: rate(`signalbox_disk_operations_total{${OURS}}`, 'instance, direction'), legend: '{{instance}} {{direction}}' },
          ],
        }),
        lines({
          title: 'Network',
          about: 'Over all interfaces of the container, or of the machine where there is none.',
          unit: 'Bps',
          queries: [{ expr: rate(`signalbox_network_bytes_total{${OURS}}`, 'instance, direction'), legend: '{{instance}} {{direction}}' }],
        }),
        lines({
          title: 'Disk space left',
          about: 'Of the disk that holds the data directory.',
          unit: 'percentunit',
          warn: 0.2,
          bad: 0.1,
          max: 1,
          queries: [{ expr: `signalbox:disk_free_ratio{${OURS}}`, legend: '{{instance}}' }],
        }),
      ],
    },
    {
      title: 'What they stand on',
      panels: [
        lines({
          title: 'Connections to the servers',
          about: 'The share of the processes that have one.',
          unit: 'percentunit',
          max: 1,
          whenEmpty: FLEET_ONLY,
          queries: [{ expr: 'avg by (name) (signalbox_dependency_up)', legend: '{{name}}' }],
        }),
        lines({
          title: 'Connections to the store',
          about: 'Open, in use and allowed, of all processes. Promised: below 50.',
          unit: 'short',
          queries: [{ expr: 'sum by (state) (signalbox_store_connections)', legend: '{{state}}' }],
        }),
        lines({
          title: 'Connections to Redis',
          about: 'Of all processes.',
          unit: 'short',
          whenEmpty: FLEET_ONLY,
          queries: [{ expr: 'sum(signalbox_redis_connections)', legend: 'open' }],
        }),
        lines({
          title: 'RabbitMQ: messages',
          about: 'As the broker counts them: ready, and in somebody’s hands.',
          unit: 'short',
          whenEmpty: FLEET_ONLY,
          queries: [
            { expr: 'sum(rabbitmq_queue_messages_ready)', legend: 'ready' },
            { expr: 'sum(rabbitmq_queue_messages_unacked)', legend: 'unacknowledged' },
          ],
        }),
        lines({
          title: 'RabbitMQ: consumers and connections',
          about: 'As the broker counts them.',
          unit: 'short',
          whenEmpty: FLEET_ONLY,
          queries: [
            { expr: 'sum(rabbitmq_consumers)', legend: 'consumers' },
            { expr: 'sum(rabbitmq_connections)', legend: 'connections' },
          ],
        }),
        lines({
          title: 'Trouble',
          about: 'Failures of store, queue or channel code that are tried again.',
          unit: 'ops',
          queries: [{ expr: orNone(rate('signalbox_trouble_total', 'where')), legend: '{{where}}' }],
        }),
        number({
          title: 'Restarts in the last day',
          about: 'Of all processes.',
          unit: 'short',
          queries: [{ expr: 'sum(changes(process_start_time_seconds{job=~"api|worker"}[1d]))', legend: 'restarts' }],
        }),
      ],
    },
  ],
};
