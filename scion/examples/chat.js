// A chat of two: what is typed goes to the other side, what arrives is printed. Start one on each
// side; whoever waits needs no path, for a datagram brings its way back.
//
//   node chat.js CONFIG_DIR [OWN-ISD-AS,IP]:PORT [ISD-AS,IP]:PORT
import { createInterface } from 'node:readline'
import {
  formatEndpoint,
  nodeUnderlay,
  openPathPilot,
  openPathSource,
  openScionSocket,
  parseEndpoint,
  sameEndpoint,
} from '@s3mp/scion'
import { clock, random } from './host.js'

const [configDir, own, other] = process.argv.slice(2)
const remote = parseEndpoint(other)
const source = await openPathSource({ configDir, clock })
const socket = await openScionSocket({
  local: parseEndpoint(own),
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
console.log(`chatting with ${formatEndpoint(remote)}`)

async function listen() {
  for await (const { from, payload } of socket) {
    // Anybody may send to this port; what others say is not part of this talk.
    if (!sameEndpoint(from, remote)) continue
    const text = new TextDecoder().decode(payload).replace(/\p{Cc}/gu, ' ')
    console.log(`< ${text}`)
  }
}
listen().catch((error) => {
  if (error.code !== 'ERR_SCION_CLOSED') throw error
})

for await (const line of createInterface({ input: process.stdin })) {
  await pilot.ready()
  await pilot.send(remote, new TextEncoder().encode(line.slice(0, 1000)))
}
await pilot.close()
await socket.close()
await source.close()
