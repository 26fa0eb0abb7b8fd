import { ANSWERS, API, AT_REST, orNone, percentiles, rate } from './metrics.js';
import { type Board, lines, number } from './panels.js';

/** Is all well? One look. Also the dashboard to import by hand. */
export const overview: Board = {
  uid: 'signalbox-overview',
  title: 'Signalbox: overview',
  about: 'Whether all is well, in one look.',
  choices: [],
  rows: [
    {
      title: 'Now',
      panels: [
        number({
          title: 'Alerts that fire',
          about: 'Which, and what to do: Runbook, at the top.',
          unit: 'none',
          bad: 1,
          queries: [{ expr: orNone('count(ALERTS{alertstate="firing",alertname!="Watchdog"})'), legend: 'firing' }],
        }),
        number({
          title: 'Processes',
          about: 'Alive, by role, as the registry has it.',
          unit: 'none',
          queries: [{ expr: 'signalbox:fleet_members{role=~"api|worker"}', legend: '{{role}}' }],
        }),
        number({
          title: 'Queue depth',
          about: 'Wake-ups that wait.',
          unit: 'short',
          warn: 1000,
          bad: 10_000,
          queries: [{ expr: 'signalbox:queue_depth', legend: 'waiting' }],
        }),
        number({
          title: 'Longest overdue',
          about: 'Age of the oldest record that is due.',
          unit: 's',
          warn: 30,
          bad: 300,
          queries: [{ expr: 'signalbox:backlog_age_seconds', legend: 'overdue' }],
        }),
        number({
          title: 'Dead letters, and held',
          about: 'At the desk, for a person to look at.',
          unit: 'short',
          warn: 10,
          bad: 101,
          queries: [
            { expr: 'signalbox:dead_letters', legend: 'dead' },
            { expr: 'signalbox:held', legend: 'held' },
          ],
        }),
        number({
          title: 'Targets',
          about: 'What Prometheus asks, and what of it answers.',
          unit: 'none',
          queries: [
            { expr: 'sum(up)', legend: 'up' },
            { expr: 'count(up == 0) or vector(0)', legend: 'down' },
          ],
        }),
      ],
    },
    {
      title: 'In and out',
      panels: [
        lines({
          title: 'Accepted and brought to rest',
          about: 'Notifications accepted, deliveries that came to rest. A notification has a delivery for each channel and recipient.',
          unit: 'ops',
          queries: [
            { expr: rate('signalbox_accepted_total{outcome="created"}'), legend: 'accepted' },
            { expr: rate(`signalbox_deliveries_settled_total{${AT_REST}}`, 'status'), legend: '{{status}}' },
          ],
        }),
        lines({
          title: 'From due to delivered',
          about: 'Promised: half within 200 ms, 95 % within 300 ms, 99 % within 500 ms. What was put off counts from when it was due.',
          unit: 's',
          queries: percentiles('signalbox_due_to_delivered_seconds'),
        }),
        lines({
          title: 'Requests',
          about: 'To the API, by status.',
          unit: 'reqps',
          stacked: true,
          queries: [{ expr: rate(`signalbox_http_requests_total{${API}}`, 'status'), legend: '{{status}}' }],
        }),
        lines({
          title: 'Response time',
          about: 'Of the API, without streams. Promised: 95 % within 500 ms.',
          unit: 's',
          queries: percentiles(`signalbox_http_request_duration_seconds{${ANSWERS}}`),
        }),
        lines({
          title: 'Errors',
          about: 'Requests answered with 5xx; deliveries that ended dead or held.',
          unit: 'percentunit',
          warn: 0.05,
          bad: 0.1,
          queries: [
            { expr: 'signalbox:http_error_ratio:rate5m', legend: 'requests' },
            { expr: 'signalbox:delivery_error_ratio:rate5m', legend: 'deliveries' },
          ],
        }),
        lines({
          title: 'Queue',
          about: 'Wake-ups that wait, and those that are in a worker’s hands.',
          unit: 'short',
          queries: [{ expr: 'max by (state) (signalbox_queue_depth)', legend: '{{state}}' }],
        }),
        lines({
          title: 'Targets that answer',
          about: 'By kind.',
          unit: 'none',
          queries: [{ expr: 'sum by (job) (up)', legend: '{{job}}' }],
        }),
        lines({
          title: 'Error budgets',
          about: 'What of each objective’s budget of 30 days is left.',
          unit: 'percentunit',
          queries: [{ expr: 'clamp_min(slo:budget_left:30d, 0)', legend: '{{slo}}' }],
        }),
      ],
    },
  ],
};
