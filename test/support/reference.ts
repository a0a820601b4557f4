import type { Context } from 'mocha'
import { Testnet } from '../../scripts/testnet/network.ts'
import type { Version } from '../../scripts/testnet/programs.ts'
import { whyNoPrograms } from '../../scripts/testnet/programs.ts'
import { readTopology } from '../../scripts/testnet/topology.ts'
import { skip } from './outside.ts'
import { ROOT } from './source.ts'

/** The version of the reference implementation that a run of the real suite is held against. */
export const referenceVersion = (process.env.S3MP_REFERENCE ?? 'v0.15.1') as Version

/**
 * Starts a network of the reference implementation, or skips with the reason why this machine
 * cannot. The caller stops it.
 *
 * @param name a file of scripts/testnet/topologies
 * @param slot networks of different slots may run at the same time
 */
export async function startReference(
  context: Context,
  name: string,
  slot: number,
): Promise<Testnet> {
  const excuse = whyNoPrograms(referenceVersion)
  if (excuse !== undefined) skip(context, excuse)
  const topology = readTopology(`${ROOT}/scripts/testnet/topologies/${name}.json`)
  return await Testnet.start(topology, { version: referenceVersion, slot, dispatcher: true })
}
