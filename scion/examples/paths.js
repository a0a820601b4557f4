// Lists the paths to an AS, and says of each whether a policy takes it.
//
//   node paths.js CONFIG_DIR ISD-AS ['- 1-ff00:0:120, +']
import { Acl, applyRules, formatSequence, openPathSource, parseIsdAs } from '@s3mp/scion'
import { clock } from './host.js'

const [configDir, target, list = '+'] = process.argv.slice(2)
const source = await openPathSource({ configDir, clock })
const paths = await source.paths(parseIsdAs(target))
const acl = Acl.parse(list.split(',').map((line) => line.trim()))
const { kept, refused } = applyRules({ acl }, paths, clock.nowMs())
for (const path of kept) console.log(`in   ${formatSequence(path.interfaces)}  MTU ${path.mtu}`)
for (const { path, reason } of refused) {
  console.log(`out  ${formatSequence(path.interfaces)}  ${reason}`)
}
await source.close()
