import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { DlmsClient } from '../../../src/index.ts'
import { MeterError, counterMemory, readMeter, readObjectList } from '../../../src/index.ts'
import { DLMS_BLOCKS_MAX, DLMS_UNSOLICITED_MAX } from '../../../src/dlms/client/client.ts'
import { clientAddress, encodeFrame, serverAddress } from '../../../src/dlms/client/hdlc-frame.ts'
import type { HdlcControl } from '../../../src/dlms/client/hdlc-frame.ts'
import {
  HDLC_FRAMES_MAX,
  HDLC_POLLS_MAX,
  HDLC_POLL_MS,
  HDLC_RETRIES_MAX,
} from '../../../src/dlms/client/hdlc-link.ts'
import {
  DLMS_ANSWER_MS,
  DLMS_NOISE_BYTES_MAX,
  DLMS_PAUSE_MS,
  DLMS_TRICKLE_MS_MAX,
} from '../../../src/dlms/client/link.ts'
import type { Asking } from '../../support/asking.ts'
import { METER_TITLE, asking, keysOf, securityOf } from '../../support/asking.ts'
import { hex, join } from '../../support/telegrams.ts'

const CLOCK = { classId: 8, obis: '0-0:1.0.0*255', attribute: 2 }
const PLAN = { registers: [{ obis: '1-0:1.8.0*255' }, { obis: '1-0:32.7.0*255' }] }
const WRAPPER = { link: { kind: 'wrapper' } } as const

async function errorOf(work: Promise<unknown>): Promise<MeterError> {
  try {
    await work
  } catch (error) {
    if (error instanceof MeterError) return error
    throw error
  }
  assert.fail('expected an error, found none')
}

/** Associates with an honest meter, then asks one whose answers are changed. */
async function tampered(
  change: (apdu: Uint8Array) => Uint8Array,
  way: Asking = WRAPPER,
  ask = async (client: DlmsClient): Promise<unknown> => await client.get(CLOCK),
): Promise<string> {
  let honest = true
  const tamper = (apdu: Uint8Array): Uint8Array => (honest ? apdu : change(apdu))
  const { client } = asking({ ...way, meter: { ...way.meter, tamper } })
  await client.connect()
  honest = false
  const error = await errorOf(ask(client))
  // Whatever was said, the client is ready to begin anew.
  honest = true
  await client.release()
  await client.connect()
  return error.detail ?? error.code
}

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? value : byte))
}

function gmac(suite: 0 | 1 | 2 = 0): Asking {
  const security = securityOf(suite, counterMemory())
  return { ...WRAPPER, authentication: { kind: 'gmac' }, security }
}

describe('a DLMS client that is answered with malice', () => {
  it('refuses answers to other questions', async () => {
    assert.equal(await tampered((apdu) => changed(apdu, 2, (apdu[2] ?? 0) ^ 1)), 'malformed')
    assert.equal(await tampered((apdu) => changed(apdu, 0, 0xc7)), 'malformed')
    assert.equal(await tampered((apdu) => changed(apdu, 1, 7)), 'malformed')
    assert.equal(await tampered((apdu) => join(apdu, hex('00'))), 'malformed')
    assert.equal(await tampered((apdu) => apdu.slice(0, -1)), 'short')
    const list = async (client: DlmsClient): Promise<unknown> =>
      await client.getList([CLOCK, CLOCK])
    assert.equal(
      await tampered((apdu) => join(hex('c40101'), apdu.slice(3)), WRAPPER, list),
      'malformed',
    )
    const one = (apdu: Uint8Array): Uint8Array => join(hex('c403'), apdu.slice(2, 3), hex('01010b'))
    assert.equal(await tampered(one, WRAPPER, list), 'malformed')
  })

  it('passes on what a meter says against a service as a whole', async () => {
    assert.equal(await tampered(() => hex('d80102')), 'service-not-supported')
    assert.equal(await tampered(() => hex('d8010600000010')), 'invocation-counter-error')
    assert.equal(await tampered(() => hex('0e010502')), 'access 2')
    assert.equal(await tampered(() => hex('d80105'), gmac()), 'deciphering-error')
  })

  it('gives up on blocks that have no end, no content or no order', async () => {
    let number = 0
    const block = (last: number, length: string, invoke: number): Uint8Array =>
      join(
        hex('c402'),
        Uint8Array.of(invoke, last, 0, 0, number >> 8, number & 0xff, 0),
        hex(length),
      )
    const endless = (apdu: Uint8Array): Uint8Array => {
      number++
      return block(0, '01aa', apdu[2] ?? 0)
    }
    assert.equal(await tampered(endless), 'too-many')
    assert.equal(number, DLMS_BLOCKS_MAX)
    number = 0
    const empty = (apdu: Uint8Array): Uint8Array => {
      number++
      return block(0, '00', apdu[2] ?? 0)
    }
    assert.equal(await tampered(empty), 'malformed')
    number = 1
    assert.equal(await tampered((apdu) => block(0, '01aa', apdu[2] ?? 0)), 'malformed')
    number = 0
    assert.equal(await tampered((apdu) => block(1, '01aa', apdu[2] ?? 0)), 'malformed')
    number = 0
    const huge = (apdu: Uint8Array): Uint8Array => {
      number++
      return join(block(0, '821f00', apdu[2] ?? 0), new Uint8Array(0x1f00))
    }
    assert.equal(await tampered(huge), 'too-many')
  })

  it('bears a few notifications in front of an answer, and no flood of them', async () => {
    const push = hex('000100010010000b0f00000001000202090100')
    const { client } = asking({
      ...WRAPPER,
      line: (bytes) => [...Array.from({ length: DLMS_UNSOLICITED_MAX }, () => push), bytes],
    })
    await client.connect()
    assert.equal((await client.get(CLOCK)).type, 'octets')
    const flooded = asking({
      ...WRAPPER,
      line: (bytes) => [...Array.from({ length: DLMS_UNSOLICITED_MAX + 1 }, () => push), bytes],
    })
    assert.equal((await errorOf(flooded.client.connect())).code, 'too-many')
  })

  for (const suite of [0, 1, 2] as const) {
    it(`takes nothing in suite ${suite} that is not protected as agreed`, async () => {
      const way = (): Asking => gmac(suite)
      for (const at of [3, 8, 12, 20]) {
        const flip = (apdu: Uint8Array): Uint8Array => changed(apdu, at, (apdu[at] ?? 0) ^ 4)
        assert.equal(await tampered(flip, way()), 'unauthentic')
      }
      const plain = (): Uint8Array => hex('c401010000')
      assert.equal(await tampered(plain, way()), 'unauthentic')
      const weaker = (apdu: Uint8Array): Uint8Array => changed(apdu, 2, (apdu[2] ?? 0) & ~0x10)
      assert.equal(await tampered(weaker, way()), 'unauthentic')
      const other = (apdu: Uint8Array): Uint8Array =>
        join(hex('db08'), changed(METER_TITLE, 7, 0), apdu.slice(1))
      assert.equal(await tampered(other, way()), 'unauthentic')
    })
  }

  it('refuses an answer that was heard before', async () => {
    let before: Uint8Array | undefined
    const replay = (apdu: Uint8Array): Uint8Array => (before ??= apdu)
    const ask = async (client: DlmsClient): Promise<void> => {
      await client.get(CLOCK)
      // Sixteen requests later the invoke id is the same again.
      for (let count = 0; count < 16; count++) await client.get(CLOCK)
    }
    assert.equal(await tampered(replay, gmac(), ask), 'replay')
  })

  it('refuses a meter that cannot prove who it is', async () => {
    const connect = async (
      change: (apdu: Uint8Array) => Uint8Array,
      way: Asking,
    ): Promise<string> => {
      const { client } = asking({ ...WRAPPER, ...way, meter: { tamper: change } })
      return (await errorOf(client.connect())).code
    }
    const md5: Asking = { authentication: { kind: 'md5', secret: hex('0102030405060708') } }
    const proof = (apdu: Uint8Array): Uint8Array =>
      apdu[0] === 0xc7 ? changed(apdu, apdu.length - 1, (apdu.at(-1) ?? 0) ^ 1) : apdu
    assert.equal(await connect(proof, md5), 'unauthentic')
    // The meter's challenge: gone, too short, our own sent back.
    const challenge = (bytes: (own: Uint8Array) => Uint8Array): Promise<string> => {
      let own = new Uint8Array()
      const { client, port } = asking({
        ...WRAPPER,
        ...md5,
        meter: {
          tamper: (apdu) => {
            const at = apdu.findIndex((byte, index) => byte === 0xaa && apdu[index + 2] === 0x80)
            if (at < 0) return apdu
            const request = port.written[0] ?? new Uint8Array()
            const from = request.findIndex(
              (byte, index) => byte === 0x80 && request[index + 1] === 32,
            )
            own = request.slice(from + 2, from + 34)
            const mine = bytes(own)
            const field = join(Uint8Array.of(0xaa, mine.length + 2, 0x80, mine.length), mine)
            const rest = join(apdu.slice(2, at), field, apdu.slice(at + 36))
            return join(Uint8Array.of(0x61, rest.length), rest)
          },
        },
      })
      return errorOf(client.connect()).then(({ code }) => code)
    }
    assert.equal(await challenge(() => new Uint8Array(4)), 'unauthentic')
    assert.equal(await challenge((own) => own), 'unauthentic')
    // A plain context where a ciphered one was asked for.
    const security = securityOf(0)
    const clients = [
      { client: 16, authentication: { kind: 'gmac' }, security: { ...keysOf(0), ciphered: false } },
    ] as const
    const way: Asking = { authentication: { kind: 'gmac' }, security, clients }
    assert.equal(await connect((apdu) => apdu, way), 'unauthentic')
  })

  it('asks again over HDLC when frames are lost, doubled or damaged', async () => {
    for (const lose of [3, 4, 5]) {
      let count = 0
      const line = (bytes: Uint8Array): readonly Uint8Array[] => {
        count++
        if (count % lose === 0) return []
        if (count % lose === 1) return [bytes, bytes]
        return count % lose === 2 ? [hex('7ea0ff00'), changed(bytes, 9, 1), bytes] : [bytes]
      }
      const { client } = asking({ line })
      await client.connect()
      assert.ok((await readObjectList(client)).length > 10)
      assert.equal((await readMeter(client, PLAN)).registers.length, 2)
      await client.release()
    }
  })

  it('listens through a head that echoes', async () => {
    const { client, port } = asking({ line: (bytes) => [port.written.at(-1) ?? bytes, bytes] })
    await client.connect()
    assert.equal((await readMeter(client, PLAN)).registers.length, 2)
  })

  it('reads answers that come byte by byte', async () => {
    for (const link of [{ kind: 'hdlc' }, { kind: 'wrapper' }] as const) {
      const line = (bytes: Uint8Array): readonly Uint8Array[] =>
        Array.from(bytes, (byte) => Uint8Array.of(byte))
      const { client } = asking({ link, line })
      await client.connect()
      assert.equal((await readMeter(client, PLAN)).registers.length, 2)
    }
  })

  it('waits no longer than it says for a silent meter', async () => {
    const silent = asking({ line: () => [] })
    assert.equal((await errorOf(silent.client.connect())).code, 'timeout')
    assert.equal(silent.passedMs(), (HDLC_RETRIES_MAX + 1) * DLMS_ANSWER_MS)
    assert.equal(silent.port.written.length, HDLC_RETRIES_MAX + 1)
    const { client, passedMs } = asking({ ...WRAPPER, line: () => [] })
    assert.equal((await errorOf(client.connect())).code, 'timeout')
    assert.equal(passedMs(), DLMS_ANSWER_MS)
  })

  it('gives up on noise without end', async () => {
    const noise = new Uint8Array(DLMS_NOISE_BYTES_MAX + 1_500).fill(0x55)
    const { client, passedMs } = asking({ line: () => [noise] })
    assert.equal((await errorOf(client.connect())).code, 'malformed')
    assert.ok(passedMs() <= DLMS_TRICKLE_MS_MAX + DLMS_PAUSE_MS)
  })

  it('gives up on a meter that says "not yet" for ever, or that hangs up', async () => {
    const speak = (control: HdlcControl): Uint8Array =>
      encodeFrame({
        destination: clientAddress(16),
        source: serverAddress(1, undefined, 1),
        control,
        final: true,
        segmented: false,
        information: new Uint8Array(),
      })
    for (const [control, code] of [
      [{ kind: 'ready', receive: 1 }, 'timeout'],
      [{ kind: 'ready', receive: 0 }, 'timeout'],
      [{ kind: 'not-ready', receive: 1 }, 'timeout'],
      [{ kind: 'ready', receive: 5 }, 'malformed'],
      [{ kind: 'disconnected' }, 'refused'],
      [{ kind: 'frame-reject' }, 'refused'],
      [{ kind: 'information', send: 5, receive: 1 }, 'too-many'],
    ] as const) {
      let opened = false
      const line = (bytes: Uint8Array): readonly Uint8Array[] => {
        if (opened) return [speak(control)]
        opened = true
        return [bytes]
      }
      const { client, passedMs, port } = asking({ line })
      const error = await errorOf(client.connect())
      assert.equal(error.code, code, JSON.stringify(control))
      assert.ok(port.written.length <= HDLC_FRAMES_MAX + HDLC_POLLS_MAX)
      const polledMs = (HDLC_POLLS_MAX + 2) * HDLC_POLL_MS
      assert.ok(passedMs() <= polledMs + 8 * DLMS_ANSWER_MS)
    }
    const refused = asking({ line: () => [speak({ kind: 'disconnected' })] })
    assert.equal((await errorOf(refused.client.connect())).detail, 'disconnected')
  })

  it('refuses bytes over the wrapper that are none, and answers too long for it', async () => {
    for (const answer of [
      '0002000100100001aa',
      '0001000200100001aa',
      '0001000100110001aa',
      '0001000100100000',
      '000100010010ffff',
    ]) {
      const { client } = asking({ ...WRAPPER, line: () => [hex(answer)] })
      assert.equal((await errorOf(client.connect())).code, 'malformed', answer)
    }
    const { client } = asking({ ...WRAPPER, line: () => [new Uint8Array(20_000)] })
    assert.equal((await errorOf(client.connect())).code, 'too-many')
  })

  it('ends at once when its caller has enough, and passes on why', async () => {
    const enough = new AbortController()
    const { client } = asking({
      line: () => {
        enough.abort(new Error('enough'))
        return []
      },
    })
    await assert.rejects(client.connect(enough.signal), { message: 'enough' })
    await client.release(enough.signal)
  })

  it('says that the line is gone when it is', async () => {
    const { client, port } = asking(WRAPPER)
    await client.connect()
    port.read = () => Promise.reject(new Error('unplugged'))
    const error = await errorOf(client.get(CLOCK))
    assert.equal(error.code, 'port')
    assert.equal((error.cause as Error).message, 'unplugged')
    await client.release()
  })

  it('throws nothing but MeterError, whatever is answered', async () => {
    const answers = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(gmac, () => WRAPPER),
        answers,
        fc.nat(300),
        async (way, said, cut) => {
          let honest = true
          const rest = [...said]
          const tamper = (apdu: Uint8Array): Uint8Array => {
            if (honest) return apdu
            const wild = rest.shift()
            if (wild === undefined) return apdu.slice(0, Math.max(1, cut % (apdu.length + 1)))
            const at = cut % Math.max(1, apdu.length)
            return join(apdu.slice(0, at), wild, apdu.slice(at + wild.length))
          }
          const { client } = asking({ ...way(), meter: { tamper } })
          await client.connect()
          honest = false
          for (let turn = 0; turn < 4; turn++) {
            await client.getList([CLOCK, CLOCK]).catch((error: unknown) => {
              assert.ok(error instanceof MeterError, String(error))
            })
          }
        },
      ),
      { numRuns: 150 },
    )
  })

  it('throws nothing but MeterError, whatever comes over the line, and never waits for ever', async () => {
    const chunk = fc.uint8Array({ minLength: 1, maxLength: 60 })
    const kinds = fc.constantFrom('hdlc' as const, 'wrapper' as const)
    const turns = fc.array(fc.oneof(chunk, fc.nat(400)), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(kinds, turns, async (kind, said) => {
        const rest = [...said]
        // Bytes of their own, or the honest answer with one byte changed, or with a part lost.
        const line = (bytes: Uint8Array): readonly Uint8Array[] => {
          const wild = rest.shift()
          if (wild === undefined) return [bytes]
          if (typeof wild !== 'number') return [wild, bytes]
          const at = wild % Math.max(1, bytes.length)
          return wild < 200
            ? [changed(bytes, at, wild)]
            : [bytes.subarray(0, at)].filter((one) => one.length > 0)
        }
        const { client, passedMs } = asking({ link: { kind }, line })
        for (let turn = 0; turn < 3; turn++) {
          try {
            await client.connect()
            await client.get(CLOCK)
          } catch (error) {
            assert.ok(error instanceof MeterError, String(error))
          }
          await client.release()
        }
        assert.ok(passedMs() < 600_000, `${passedMs()} ms`)
      }),
      { numRuns: 150 },
    )
  })
})
