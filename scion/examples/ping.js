// Asks a host for an answer over every path there is.
//
//   node ping.js CONFIG_DIR OWN-IP ISD-AS,HOST
import {
  ScionError,
  formatSequence,
  nodeUnderlay,
  openPathSource,
  openScionSocket,
  parseAddress,
  parseIp,
} from '@s3mp/scion'
import { clock, random } from './host.js'

const [configDir, ownIp, target] = process.argv.slice(2)
const remote = parseAddress(target)
const source = await openPathSource({ configDir, clock })
const socket = await openScionSocket({
  local: { isdAs: source.local.isdAs, host: parseIp(ownIp), port: 0 },
  localAs: source.local,
  underlay: nodeUnderlay,
  clock,
  random,
})
for (const path of await source.paths(remote.isdAs)) {
  const words = await socket.echo(remote, path, { timeoutMs: 1000 }).then(
    (roundTripMs) => `${roundTripMs.toFixed(3)} ms`,
    (error) => (error instanceof ScionError ? error.message : Promise.reject(error)),
  )
  console.log(`${formatSequence(path.interfaces)}  ${words}`)
}
await socket.close()
await source.close()
