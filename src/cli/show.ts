import type { Command } from 'commander';
import { clientFor, id, print, printJson, wantsJson } from './command.js';
import { columns } from './table.js';

/** One attempt at a delivery. */
export interface Attempt {
  readonly attempt: number;
  readonly startedAt: string;
  readonly durationMs: number | null;
  readonly result: string | null;
  readonly code: string | null;
  readonly message: string | null;
}

interface Notification {
  readonly notificationId: string;
  readonly userId: string | null;
  readonly status: string;
  readonly subject: string | null;
  readonly acceptedAt: string;
  readonly dueAt: string | null;
  readonly deliveries: readonly {
    readonly channel: string;
    readonly recipient: string;
    readonly status: string;
    readonly reason: string | null;
    readonly attempts: readonly Attempt[];
  }[];
}

/** `signalbox get <id>`. */
export function addShow(program: Command): void {
  program
    .command('get')
    .description('show a notification, its deliveries and their attempts')
    .argument('<id>', 'notification id', id)
    .addHelpText('after', '\nExamples:\n  $ signalbox get 0b0c3f6e-5b1c-8c8e-9a55-0d6c2f1e7a11\n  $ signalbox get --json 0b0c3f6e-…')
    .action(async (notificationId: string, _options: unknown, command: Command) => {
      const client = await clientFor(command);
      const found = await client.get<Notification>(`/api/v1/notifications/${encodeURIComponent(notificationId)}`);
      if (wantsJson(command)) printJson(found);
      else print(asText(found));
    });
}

function asText(found: Notification): string {
  const due = found.dueAt === null ? [] : [['due', found.dueAt]];
  const head = [
    ['notification', found.notificationId],
    ['status', found.status],
    ['user', found.userId ?? '-'],
    ['subject', found.subject ?? '-'],
    ['accepted', found.acceptedAt],
    ...due,
  ];
  const lines = found.deliveries.flatMap(({ channel, recipient, status, reason, attempts }) => [
    `${channel} to ${recipient}: ${status}${reason === null ? '' : ` (${reason})`}`,
    ...attempts.map(attemptLine),
  ]);
  return [columns(head), ...lines].join('\n');
}

export function attemptLine({ attempt, startedAt, durationMs, result, code, message }: Attempt): string {
  const why = code === null ? '' : `: ${code}${message === null ? '' : `, ${message}`}`;
  return `  attempt ${attempt}  ${startedAt}  ${durationMs === null ? '-' : `${durationMs} ms`}  ${result ?? 'under way'}${why}`;
}
