// Sends back whatever arrives. It looks up no path: each datagram brings its own way back.
//
//   node echo-server.js CONFIG_DIR [ISD-AS,IP]:PORT
import {
  formatEndpoint,
  nodeUnderlay,
  openPathSource,
  openScionSocket,
  parseEndpoint,
} from '@s3mp/scion'
import { clock, random } from './host.js'

const [configDir, own] = process.argv.slice(2)
const source = await openPathSource({ configDir, clock })
const socket = await openScionSocket({
  local: parseEndpoint(own),
  localAs: source.local,
  underlay: nodeUnderlay,
  clock,
  random,
})
console.log(`listening on ${formatEndpoint(socket.local)}`)
for await (const { from, payload, reply } of socket) {
  console.log(`${payload.length} bytes from ${formatEndpoint(from)}`)
  await socket.send(from, payload, reply)
}
