import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { parseIsdAs } from '../../src/addr/isd-as.ts'
import { parseUnderlay } from '../../src/addr/underlay.ts'
import { ProtoWriter } from '../../src/control/protobuf.ts'
import {
  SERVICE_ADDRESSES_MAX,
  collectServices,
  readServices,
  writeServices,
} from '../../src/segment/services.ts'
import { valueOrRefusal } from '../support/refusal.ts'

const [near, far] = [parseIsdAs('1-ff00:0:110'), parseIsdAs('2-ff00:0:210')]
const one = parseUnderlay('192.0.2.1:30252')
const two = parseUnderlay('[2001:db8::1]:30252')

describe('services that ASes name in their beacons', () => {
  it('come back as they were written', () => {
    const services = { controlServices: [one, two], discoveryServices: [two] }
    const message = new ProtoWriter()
      .message(1, (info) => info.string(6, 'a note'))
      .message(3, (extension) => {
        writeServices(extension, services)
      })
    assert.deepEqual(readServices(message.finish()), services)
    assert.equal(readServices(new ProtoWriter().message(3, () => undefined).finish()), undefined)
    assert.equal(readServices(new Uint8Array(0)), undefined)
  })

  it('are left out where they are no addresses, and beyond a limit', () => {
    const message = new ProtoWriter().message(3, (extension) => {
      for (const text of ['host.example:1', '', '192.0.2.1:30252']) extension.string(2, text)
      for (let port = 1; port <= 2 * SERVICE_ADDRESSES_MAX; port++) {
        extension.string(3, `192.0.2.2:${port}`)
      }
    })
    const found = readServices(message.finish())
    assert.deepEqual(found?.controlServices, [one])
    assert.equal(found.discoveryServices.length, SERVICE_ADDRESSES_MAX)
  })

  it('are united for an AS that names them twice', () => {
    const services = collectServices([
      { isdAs: near, services: { controlServices: [one], discoveryServices: [] } },
      { isdAs: far },
      { isdAs: near, services: { controlServices: [one, two], discoveryServices: [one] } },
    ])
    assert.deepEqual(
      [...(services ?? [])],
      [[near, { controlServices: [one, two], discoveryServices: [one] }]],
    )
    assert.equal(collectServices([{ isdAs: far }]), undefined)
  })

  it('throw nothing but ScionError on arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        valueOrRefusal(() => readServices(bytes))
      }),
    )
  })
})
