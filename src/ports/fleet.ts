/** One process of the fleet, as it describes itself. */
export interface FleetMember {
  /** Stable, chosen by whoever runs the fleet; no two living processes share one. */
  readonly workerId: string;
  /** New for every start: tells a restarted process from a second one of the same name. */
  readonly incarnation: string;
  readonly roles: readonly string[];
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  /** The port of its HTTP server; null where it has none. */
  readonly port: number | null;
  /** Milliseconds since the epoch on its own clock. */
  readonly startedAt: number;
  readonly state: 'running' | 'draining';
  /** Records it works on at this moment. */
  readonly holds: number;
  /** Deliveries that came to rest in its hands, and those of them that failed, since it started. */
  readonly processed: number;
  readonly failed: number;
  /** Open connections to the store. */
  readonly connections: number;
}

/** A member as the registry has it. Times on the store's clock. */
export interface SeenMember extends FleetMember {
  readonly seenAt: number;
  readonly livesUntil: number;
}

/** How long the registry tells of one that fell silent: until then somebody has come to its place, or it is not meant to come back. */
export const LOST_FOR_MS = 60 * 60 * 1000;

/**
 * Who lives, and what each holds. Every process says so again and again; one that falls silent is gone when its time has
 * run out. Only people and dashboards read it: leases decide about work, never this list.
 * Throws `SignalboxError` (`store-unavailable`).
 */
export interface Fleet {
  /** `taken`: another incarnation lives under this workerId; nothing was written. */
  beat(member: FleetMember, livesMs: number): Promise<'ok' | 'taken'>;
  /** Those alive by the store's clock, by workerId. */
  members(): Promise<readonly SeenMember[]>;
  /** Those who fell silent without a word, within the last hour, and whose place nobody has taken since; by workerId. */
  lost(): Promise<readonly SeenMember[]>;
  /** Gone in order: off the list at once. Of another incarnation: nothing happens. */
  leave(workerId: string, incarnation: string): Promise<void>;
}
