import type { Behaviour } from '../../../src/sink/behaviour.js';
import type { Stage } from './stage.js';

/** Scripts what the stage's receiver answers; as {@link Behaviour} says. */
export async function behave({ sink }: Stage, behaviour: Partial<Behaviour>): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify(behaviour);
  const response = await fetch(`${sink.httpUrl}/sink/behaviour`, { method: 'PUT', headers, body });
  if (!response.ok) throw new Error(`the sink took no behaviour: ${response.status} ${await response.text()}`);
}

/** From now on everything is taken at once. */
export async function behaveAgain({ sink }: Stage): Promise<void> {
  const response = await fetch(`${sink.httpUrl}/sink/behaviour`, { method: 'DELETE' });
  if (!response.ok) throw new Error(`the sink forgot no behaviour: ${response.status}`);
}
