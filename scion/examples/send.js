// Sends a text, waits for the answer; a path that fails meanwhile is left for another.
//
//   node send.js CONFIG_DIR OWN-IP [ISD-AS,IP]:PORT TEXT
import {
  formatSequence,
  nodeUnderlay,
  openPathPilot,
  openPathSource,
  openScionSocket,
  parseEndpoint,
  parseIp,
} from '@s3mp/scion'
import { clock, random } from './host.js'

const [configDir, ownIp, to, text] = process.argv.slice(2)
const remote = parseEndpoint(to)
const source = await openPathSource({ configDir, clock })
const socket = await openScionSocket({
  local: { isdAs: source.local.isdAs, host: parseIp(ownIp), port: 0 },
  localAs: source.local,
  underlay: nodeUnderlay,
  clock,
  random,
})
const pilot = openPathPilot({
  socket,
  source,
  destination: remote.isdAs,
  clock,
  random,
})
await pilot.ready()
const flight = await pilot.send(remote, new TextEncoder().encode(text), { answer: true })
const { payload, reply } = await socket.receive(AbortSignal.timeout(3000))
pilot.landed(flight, reply)
console.log(
  `${new TextDecoder().decode(payload)} (over ${formatSequence(pilot.current().interfaces)})`,
)
await pilot.close()
await socket.close()
await source.close()
