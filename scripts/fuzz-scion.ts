/**
 * Throws shaped random packets at everything that a SCION host does with a packet:
 * `node --conditions=@s3mp/source scripts/fuzz-scion.ts [COUNT [SEED]]`, ten million unless told.
 *
 * Prints how far the packets got. A packet that makes anything but a `ScionError` escape is printed
 * in hexadecimal, and the status is 1.
 */
import { digest, shapedPacket } from '../scion/test/support/shaped-packets.ts'
import { seededRandom } from '../scion/src/testing/random.ts'

const COUNT = 10_000_000

function main(words: readonly string[]): number {
  const [count = COUNT, seed = 1] = words.map(Number)
  if (!(Number.isInteger(count) && count > 0 && Number.isInteger(seed))) {
    console.error('fuzz-scion: COUNT and SEED are whole numbers')
    return 2
  }
  const random = seededRandom(seed)
  const depths = { refused: 0, header: 0, upper: 0 }
  for (let turn = 0; turn < count; turn++) {
    const packet = shapedPacket(random)
    try {
      depths[digest(packet)] += 1
    } catch (error) {
      console.error(`packet ${turn} of seed ${seed}: ${Buffer.from(packet).toString('hex')}`)
      console.error(error)
      return 1
    }
  }
  console.log(JSON.stringify({ count, seed, ...depths }))
  return 0
}

process.exitCode = main(process.argv.slice(2))
