import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { join } from 'node:path'
import { EMPTY_PATH, nodeUnderlay, openScionSocket, parseAddress, parseEndpoint } from '@s3mp/scion'
import { describe, it } from 'mocha'
import { openScionTransport } from '../src/cli/scion.ts'
import { systemClock } from '../src/clock.ts'
import { parseConfig } from '../src/config.ts'
import { silentLog } from '../src/log.ts'

const AS = '1-ff00:0:110'
/** How meters know the head-end, and what its machine has. */
const [KNOWN, OWN] = ['127.0.77.1', '127.0.77.2']

describe('a head-end that listens on another address than it is known by', () => {
  it('takes what is sent to the known one, and answers from there', async () => {
    // What stands in front forwards to the machine behind it.
    const front = createSocket('udp4')
    front.bind(0, KNOWN)
    await once(front, 'listening')
    const { port } = front.address()
    front.on('message', (bytes) => {
      front.send(bytes, port, OWN)
    })
    const toml = `data = "state"\n[scion]\nisd_as = "${AS}"\nhost = "${KNOWN}"\nlisten = "${OWN}"\nport = ${port}`
    const { scion } = parseConfig(toml, join('/', 'headend.toml'))
    assert.ok(scion)
    const transport = await openScionTransport(scion, silentLog)
    await transport.start((arrival) => {
      arrival.reply(arrival.bytes)
    })
    const [clock, random] = [systemClock, Math.random]
    const local = parseAddress(`${AS},127.0.0.1`)
    const dispatchedPorts = { min: 1024, max: 65_535 }
    const meter = await openScionSocket({
      ...{ underlay: nodeUnderlay, clock, random },
      local: { ...local, port: 0 },
      localAs: { isdAs: local.isdAs, core: false, mtu: 1472, dispatchedPorts, borderRouters: new Map() }, // prettier-ignore
    })
    const known = parseEndpoint(`${AS},${KNOWN}:${port}`)
    await meter.send(known, Uint8Array.of(7), { dataplane: EMPTY_PATH })
    const { from, payload } = await meter.receive(AbortSignal.timeout(3000))
    assert.deepEqual([...payload], [7])
    assert.deepEqual(from, known)
    await meter.close()
    await transport.close()
    front.close()
  })
})
