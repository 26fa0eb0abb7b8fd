/** A broken rule and where. */
export type Finding = readonly [kind: string, detail: string];
