import { AT_REST, orNone } from './metrics.js';
import { type Board, lines, number } from './panels.js';

const SETTLED = 'signalbox_deliveries_settled_total';

/** What it is good for: people reached, work done, how well. */
export const business: Board = {
  uid: 'signalbox-business',
  title: 'Signalbox: business',
  about: 'What it is good for: people reached, work done, how well.',
  from: 'now-24h',
  choices: [],
  rows: [
    {
      title: 'Now',
      panels: [
        number({
          title: 'Active users',
          about: 'People for whom something was accepted in the last 15 minutes. Each API counts its own: the truth lies between the two.',
          unit: 'short',
          span: 6,
          queries: [
            { expr: 'max(signalbox_active_users)', legend: 'at least' },
            { expr: 'sum(signalbox_active_users)', legend: 'at most' },
          ],
        }),
        number({
          title: 'Notifications in the last hour',
          about: 'Accepted, repeats left out.',
          unit: 'short',
          queries: [
            { expr: 'sum(increase(signalbox_accepted_total{workload="notifications",outcome="created"}[1h]))', legend: 'accepted' },
          ],
        }),
        number({
          title: 'Notifications in the last day',
          about: 'Accepted, repeats left out.',
          unit: 'short',
          queries: [
            { expr: 'sum(increase(signalbox_accepted_total{workload="notifications",outcome="created"}[1d]))', legend: 'accepted' },
          ],
        }),
        number({
          title: 'Success rate, last day',
          about: 'Delivered, of what was delivered, dead or held.',
          unit: 'percentunit',
          warn: 0.99,
          bad: 0.95,
          span: 5,
          queries: [
            {
              expr: `sum(increase(${SETTLED}{status="delivered"}[1d])) / (sum(increase(${SETTLED}{status=~"delivered|dead|held"}[1d])) > 0)`,
              legend: 'delivered',
            },
          ],
        }),
        number({
          title: 'Worker utilisation',
          about: 'Records in hand, of those that all workers would take.',
          unit: 'percentunit',
          span: 5,
          queries: [{ expr: 'signalbox:records_held_ratio', legend: 'in hand' }],
        }),
      ],
    },
    {
      title: 'Over time',
      panels: [
        lines({
          title: 'Deliveries an hour',
          about: 'By what became of them.',
          unit: 'short',
          stacked: true,
          queries: [{ expr: `sum by (status) (increase(${SETTLED}{${AT_REST}}[1h]))`, legend: '{{status}}' }],
        }),
        lines({
          title: 'Delivered an hour, by channel',
          about: 'Which ways people are reached.',
          unit: 'short',
          stacked: true,
          queries: [{ expr: `sum by (channel) (increase(${SETTLED}{status="delivered"}[1h]))`, legend: '{{channel}}' }],
        }),
        lines({
          title: 'Average time from due to delivered',
          about: 'Promised: below 200 ms. What was put off counts from when it was due.',
          unit: 's',
          queries: [
            {
              expr: 'sum(rate(signalbox_due_to_delivered_seconds_sum[1h])) / (sum(rate(signalbox_due_to_delivered_seconds_count[1h])) > 0)',
              legend: 'average',
            },
          ],
        }),
        lines({
          title: 'SLA compliance',
          about: 'The share of what was good over a day, by objective.',
          unit: 'percentunit',
          queries: [{ expr: '1 - slo:error_ratio:1d', legend: '{{slo}}' }],
        }),
        lines({
          title: 'Active users',
          about: 'At least so many, of the last 15 minutes.',
          unit: 'short',
          queries: [{ expr: 'max(signalbox_active_users)', legend: 'people' }],
        }),
        lines({
          title: 'Not delivered, by reason of the person',
          about: 'Skipped by preference, expired, cancelled: an hour.',
          unit: 'short',
          queries: [
            {
              expr: orNone(`sum by (status) (increase(${SETTLED}{status=~"skipped|expired|cancelled"}[1h]))`),
              legend: '{{status}}',
            },
          ],
        }),
      ],
    },
  ],
};
