/** After the tests: whatever the keeper started is stopped. */
export default async function teardown() {
  await globalThis.closeServers?.();
}
