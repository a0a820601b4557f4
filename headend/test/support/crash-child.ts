import { join } from 'node:path'
import { createHeadend, Keyring, SecretFolder, SqliteStore, systemRandom } from '../../src/index.ts'
import { UdpTransport } from '../../src/index.ts'
import { POLICY } from './world.ts'

/*
 * A head-end to be killed: `crash-child.ts FOLDER`, with a folder that has keys and an enrolled
 * device. Says its UDP port on the first line of its output; everything else is over UDP.
 */
const folder = process.argv[2] ?? ''
const keyring = Keyring.open(new SecretFolder(join(folder, 'keys')), POLICY, systemRandom)
const transport = new UdpTransport('127.0.0.1', 0)
await createHeadend({
  access: 'open',
  store: new SqliteStore(join(folder, 'store.sqlite')),
  keyring,
  transports: [transport],
})
process.stdout.write(`${transport.address.split(':')[1] ?? ''}\n`)
