interface Plan {
  /** Indexes that the plan reads. */
  readonly indexes: readonly string[];
  /** It reads a whole collection. */
  readonly scansAll: boolean;
}

/**
 * What an `explain` says of a plan, in MongoDB's format (stages of the winning plan) and in that of a server on PostgreSQL
 * (nodes, where `IndexDetails` are of the index that is read and `IndexCosts` of those that were thought of).
 */
export function planOf(explained: unknown): Plan {
  const { queryPlanner } = explained as { queryPlanner: { winningPlan?: unknown; Plan?: unknown } };
  const nodes = [...objectsIn(queryPlanner.winningPlan ?? queryPlanner.Plan)];
  const read = nodes.flatMap((node) => (typeof node['Index Name'] === 'string' ? [node['Index Name']] : []));
  const details = nodes.flatMap((node) => (Array.isArray(node['IndexDetails']) ? (node['IndexDetails'] as { indexName: string }[]) : []));
  const stages = nodes.filter((node) => typeof node['stage'] === 'string' && typeof node['indexName'] === 'string');
  const express = nodes.filter((node) => /^(EXPRESS|IDHACK)/.test(String(node['stage']))).map(() => '_id_');
  return {
    indexes: [
      ...new Set([...read, ...details.map(({ indexName }) => indexName), ...stages.map((node) => String(node['indexName'])), ...express]),
    ],
    scansAll: nodes.some((node) => node['stage'] === 'COLLSCAN' || node['Node Type'] === 'Seq Scan'),
  };
}

function* objectsIn(value: unknown): Generator<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield value as Record<string, unknown>;
  for (const [name, inner] of Object.entries(value)) if (name !== 'IndexCosts') yield* objectsIn(inner);
}
