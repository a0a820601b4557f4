import type { ScionSocketOptions } from './options.ts'
import { ENDHOST_PORT } from './route.ts'
import { openScionSocket } from './scion-socket.ts'
import type { ScionSocket } from './scion-socket.ts'

/**
 * Opens the small service that answers echo requests for a host: routers deliver them to port 30041,
 * whatever the asker wanted (test networks may choose another). One per IP address; rejects with `ERR_SCION_IO` where it runs already.
 */
export function openEchoResponder(
  options: Omit<ScionSocketOptions, 'echo'>,
  port = ENDHOST_PORT,
): Promise<ScionSocket> {
  const local = { ...options.local, port }
  return openScionSocket({ ...options, local, echo: true })
}
