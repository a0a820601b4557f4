import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes on the heap that are in use, after everything else was thrown away. */
export function heapBytes(): number {
  collect()
  return process.memoryUsage().heapUsed
}
