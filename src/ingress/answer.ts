import type { ServerResponse } from 'node:http';

/** Answers with JSON, without what `response.json` looks into besides (freshness, charsets, HEAD): for routes that are called all the time. */
export function answer(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}
