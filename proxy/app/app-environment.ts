/** Where the application finds the sidecar's first outbound listener in plain text. */
const OUTBOUND = 'PILLION_OUTBOUND'

/**
 * What the application finds in its environment: that of this process, `PILLION_OUTBOUND`, and what the configuration
 * sets; the later wins. `outbound` is `host:port`, `null` when there is no such listener.
 */
export function appEnvironment(
  own: NodeJS.ProcessEnv,
  outbound: string | null,
  set: Readonly<Record<string, string>>,
): NodeJS.ProcessEnv {
  const { [OUTBOUND]: _, ...inherited } = own
  return { ...inherited, ...(outbound === null ? {} : { [OUTBOUND]: `http://${outbound}` }), ...set }
}
