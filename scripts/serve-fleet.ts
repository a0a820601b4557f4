/**
 * Serves the page over a real head-end with a fleet that says nothing, for whoever works on the page:
 * `node --conditions=@s3mp/source scripts/serve-fleet.ts [PORT] [DEVICES]`
 */
import { FleetFixture, PASSWORD, USERS } from '../test/support/fleet-fixture.ts'

const fixture = new FleetFixture()
const begin = performance.now()
const url = await fixture.open(Number(process.argv[3] ?? 10_000), Number(process.argv[2] ?? 8081))
console.log(`ready after ${Math.round(performance.now() - begin)} ms`)
console.log(`the page is at ${url}; users ${Object.values(USERS).join(', ')}; password ${PASSWORD}`)
