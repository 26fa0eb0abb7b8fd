/** The server's clock inside a pipeline: whole milliseconds since the epoch. The filter of a find may not ask for it. */
export const NOW = { $toLong: '$$NOW' } as const;
