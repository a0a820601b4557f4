import assert from 'node:assert/strict'

import { describe, it } from 'mocha'

import {
  PeerSerial,
  VirtualClock,
  type AnsweringPeer,
  type PeerReply,
} from '../../src/mock/index.ts'
import { HalError, parseSettings, readWithin } from '../../src/index.ts'

const SLOW = parseSettings('300 7E1')
const FAST = parseSettings('9600 7E1')

/** Answers each write with what it was given, 100 ms later, at a speed of its own. */
class Parrot implements AnsweringPeer {
  readonly heard: { readonly text: string; readonly baudRate: number; readonly timeMs: number }[] =
    []
  readonly #reply: Pick<PeerReply, 'baudRate' | 'framing'>
  pushMs = Infinity

  constructor(reply: Pick<PeerReply, 'baudRate' | 'framing'>) {
    this.#reply = reply
  }

  receive(
    bytes: Uint8Array,
    moment: { readonly timeMs: number; readonly baudRate: number },
  ): readonly PeerReply[] {
    this.heard.push({ text: new TextDecoder().decode(bytes), ...moment })
    return [{ ...this.#reply, atMs: moment.timeMs + 100, bytes }]
  }

  poll(timeMs: number): readonly PeerReply[] {
    if (timeMs < this.pushMs) return []
    this.pushMs = Infinity
    return [{ ...this.#reply, atMs: timeMs, bytes: Uint8Array.of(0x41) }]
  }
}

const HELLO = new TextEncoder().encode('/?!\r\n')

describe('PeerSerial', () => {
  function open(reply: Pick<PeerReply, 'baudRate' | 'framing'>, echo = false) {
    const clock = new VirtualClock(1_000_000)
    const parrot = new Parrot(reply)
    const serial = new PeerSerial({ clock, random: () => 0.7, peers: [parrot], echo })
    return { clock, parrot, serial }
  }

  async function heard(
    { clock, serial }: ReturnType<typeof open>,
    settings = SLOW,
  ): Promise<Uint8Array> {
    const port = await serial.open('/dev/peer', settings)
    await port.write(HELLO)
    const bytes: number[] = []
    const reading = (async () => {
      for (;;) bytes.push(...(await readWithin(port, 2000, clock)))
    })()
    await assert.rejects(clock.runUntil(reading), HalError)
    await port.close()
    return Uint8Array.from(bytes)
  }

  it('brings what is written to the device when its last bit has left, and the answer back', async () => {
    const line = open({ baudRate: 300, framing: '7E1' })
    assert.deepEqual(await heard(line), HELLO)
    const [told] = line.parrot.heard
    assert.equal(told?.baudRate, 300)
    // Five characters of ten bits at 300 baud.
    assert.ok(told.timeMs - 1_000_000 >= 166 && told.timeMs - 1_000_000 < 170)
  })

  it('makes noise of what is said at another speed', async () => {
    const noise = await heard(open({ baudRate: 9600, framing: '7E1' }))
    assert.equal(noise.length, HELLO.length)
    assert.notDeepEqual(noise, HELLO)
    assert.deepEqual(await heard(open({ baudRate: 9600, framing: '7E1' }), FAST), HELLO)
  })

  it('shows a port of eight bits the parity that seven-bit devices send', async () => {
    const line = open({ baudRate: 300, framing: '7E1' })
    const bytes = await heard(line, parseSettings('300 8N1'))
    assert.deepEqual(
      bytes.map((byte) => byte & 0x7f),
      HELLO,
    )
    for (const byte of bytes) {
      const ones = byte.toString(2).replaceAll('0', '').length
      assert.equal(ones % 2, 0)
    }
  })

  it('echoes where the head hears its own light', async () => {
    const bytes = await heard(open({ baudRate: 300, framing: '7E1' }, true))
    assert.deepEqual(bytes, Uint8Array.from([...HELLO, ...HELLO]))
  })

  it('lets a device speak by itself', async () => {
    const line = open({ baudRate: 300, framing: '7E1' })
    line.parrot.pushMs = 1_000_500
    const port = await line.serial.open('/dev/peer', SLOW)
    const read = port.read()
    assert.deepEqual(await line.clock.runUntil(read), Uint8Array.of(0x41))
    await port.close()
  })
})
