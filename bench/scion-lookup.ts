/**
 * From nothing to the first packet at the far end: path segments looked up at the control services of
 * the reference implementation and verified, in its diamond on this machine.
 */
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { systemClock } from '@s3mp/hal'
import type { PathSource, ScionSocket } from '../scion/src/index.ts'
import {
  nodeUnderlay,
  openScionSocket,
  openStandalone,
  parseAddress,
  parseIsdAs,
} from '../scion/src/index.ts'
import { Testnet } from '../scripts/testnet/network.ts'
import { VERSIONS, whyNoPrograms } from '../scripts/testnet/programs.ts'
import { readTopology } from '../scripts/testnet/topology.ts'
import type { Bench } from './table.ts'
import { median } from './table.ts'

const METER = '1-ff00:0:111'
const HEADEND = '1-ff00:0:112'
const RUNS = 15
const AIM_MS = 150
const SLOT = 47
const NAME = 'cold lookup, segments verified, to the first packet at the far end'

/** Measures the lookup; without the reference's programs it says why not. */
export const run: Bench = async () => {
  const version = VERSIONS[0]
  const excuse = whyNoPrograms(version)
  if (excuse !== undefined) return [{ name: NAME, value: NaN, unit: 'ms', note: excuse }]
  const file = join(import.meta.dirname, '../scripts/testnet/topologies/diamond.json')
  const net = await Testnet.start(readTopology(file), { version, slot: SLOT })
  try {
    await net.waitForPaths(METER, HEADEND, 4)
    const headend = await openHost(net, HEADEND)
    const firstMs = await firstPacketMs(net, headend.socket)
    const samples: number[] = []
    for (let turn = 0; turn < RUNS; turn += 1) {
      samples.push(await firstPacketMs(net, headend.socket))
    }
    await headend.socket.close()
    await headend.source.close()
    const value = median(samples)
    const note = `${RUNS} times, ${Math.min(...samples).toFixed(0)} to ${Math.max(...samples).toFixed(0)} ms; reference ${version}`
    const aim = { unit: 'ms', aim: `<= ${AIM_MS}` }
    return [
      { name: NAME, value, ...aim, met: value <= AIM_MS, note },
      {
        name: 'the same, the first time in this program',
        ...{ value: firstMs, ...aim, met: firstMs <= AIM_MS, note: 'nothing compiled yet' },
      },
    ]
  } finally {
    await net.stop()
  }
}

/** Opens everything anew, trust store included, and sends over the first path found. */
async function firstPacketMs(net: Testnet, headend: ScionSocket): Promise<number> {
  const started = performance.now()
  const { socket, source } = await openHost(net, METER)
  const [path] = await source.paths(parseIsdAs(HEADEND))
  if (path === undefined) throw new Error('no path in the diamond')
  const arrived = headend.receive()
  await socket.send(headend.local, new Uint8Array(300), path)
  await arrived
  const ms = performance.now() - started
  await socket.close()
  await source.close()
  return ms
}

async function openHost(
  net: Testnet,
  isdAs: string,
): Promise<{ readonly socket: ScionSocket; readonly source: PathSource }> {
  const source = await openStandalone({ configDir: net.configDir(isdAs), clock: systemClock })
  const local = { ...parseAddress(`${isdAs},${net.addresses(isdAs).host}`), port: 0 }
  const random = (): number => randomInt(2 ** 47) / 2 ** 47
  const options = { local, localAs: source.local, clock: systemClock, random }
  return { source, socket: await openScionSocket({ ...options, underlay: nodeUnderlay }) }
}
