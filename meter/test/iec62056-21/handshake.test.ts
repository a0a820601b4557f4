import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { MeterAction } from '../../src/index.ts'
import {
  HANDSHAKE_ADDRESS_LETTERS_MAX,
  HANDSHAKE_ATTEMPTS_MAX,
  HANDSHAKE_TIMES_MS,
  Handshake,
  MeterError,
  createDecoder,
  parseIdentification,
} from '../../src/index.ts'
import { D0_STYLES, encodeD0 } from '../../src/simulator/index.ts'
import { asciiBytes } from '../../src/simulator/text.ts'
import { houseState } from '../support/telegrams.ts'

/** Actions in short words. */
function words(actions: readonly MeterAction[]): readonly string[] {
  return actions.map((action) => {
    const { kind } = action
    if (kind === 'speed') return `speed ${action.baudRate}`
    if (kind === 'write') {
      return `write ${JSON.stringify(Buffer.from(action.bytes).toString('latin1'))}`
    }
    if (kind === 'wait') return `wait ${action.ms}`
    if (kind === 'listen') return `listen ${action.silenceMs}`
    if (kind === 'readout') return `readout ${action.identification.mode} at ${action.baudRate}`
    return kind === 'failed' ? `failed ${action.reason}` : kind
  })
}

function receive(handshake: Handshake, text: string): readonly string[] {
  return words(handshake.receive(asciiBytes(text)))
}

const SIGN_ON = ['speed 300', 'write "/?!\\r\\n"', 'listen 1500']

describe('the sign-on of IEC 62056-21', () => {
  it('greets at 300 baud, acknowledges in mode C and changes the speed', () => {
    const handshake = new Handshake()
    assert.deepEqual(words(handshake.start()), SIGN_ON)
    assert.deepEqual(receive(handshake, '/SIM5\\2M'), [])
    assert.deepEqual(receive(handshake, 'ETER\r\n'), [
      'wait 200',
      'write "\\u0006050\\r\\n"',
      'wait 300',
      'speed 9600',
      'readout C at 9600',
      'listen 1500',
    ])
    assert.deepEqual(receive(handshake, 'the rest is for the decoder'), [])
  })

  it('acknowledges nothing in modes B and A, and changes the speed in B alone', () => {
    const started = (): Handshake => {
      const handshake = new Handshake()
      handshake.start()
      return handshake
    }
    assert.deepEqual(receive(started(), '/SIMCMETER\r\n'), [
      'speed 2400',
      'readout B at 2400',
      'listen 1500',
    ])
    assert.deepEqual(receive(started(), '/SIM METER\r\n'), [])
    assert.deepEqual(receive(started(), '/SIM:METER\r\n'), ['readout A at 300', 'listen 1500'])
    assert.equal(receive(started(), '/SIm0METER\r\n')[0], 'wait 20')
  })

  it('listens through its own echo, NULs and parity bits', () => {
    const handshake = new Handshake({ wakeUp: true })
    const [, nuls, pause] = handshake.start()
    assert.ok(nuls?.kind === 'write' && nuls.bytes.length === 66)
    assert.deepEqual(pause, { kind: 'wait', ms: HANDSHAKE_TIMES_MS.wakeUpPause })
    assert.deepEqual(receive(handshake, `${'\0'.repeat(66)}/?!\r\n`), [])
    const parity = asciiBytes('/SIM4A\r\n').map((byte) => byte | 0x80)
    assert.equal(words(handshake.receive(parity)).at(-2), 'readout C at 4800')
  })

  it('goes back to 300 baud when the acknowledgement was not heard, then starts over', () => {
    const handshake = new Handshake()
    handshake.start()
    receive(handshake, '/SIM5A\r\n')
    assert.deepEqual(words(handshake.silence()), ['speed 300', 'readout C at 300', 'listen 2500'])
    assert.deepEqual(words(handshake.silence()), ['wait 3000', ...SIGN_ON])
  })

  it('is over once data came: silence behind them is the end of the readout', () => {
    const handshake = new Handshake()
    handshake.start()
    receive(handshake, '/SIM5A\r\n')
    assert.deepEqual(receive(handshake, '\x06050\r\n\x02C.1.0(1)\r\n!\r\n\x03A'), [])
    assert.deepEqual(words(handshake.silence()), [])
    assert.deepEqual(words(handshake.start()), SIGN_ON)
  })

  it('gives up after a few attempts and says whether anything came', () => {
    for (const [answer, reason] of [
      ['', 'silent'],
      ['\xff\xfe/\x80', 'garbled'],
      ['no meter\r\n', 'garbled'],
    ] as const) {
      const handshake = new Handshake()
      handshake.start()
      for (let attempt = 1; attempt < HANDSHAKE_ATTEMPTS_MAX; attempt++) {
        receive(handshake, answer)
        assert.deepEqual(words(handshake.silence()), ['wait 3000', ...SIGN_ON])
      }
      receive(handshake, answer)
      assert.deepEqual(words(handshake.silence()), [`failed ${reason}`])
      assert.deepEqual(words(handshake.silence()), [])
      assert.deepEqual(receive(handshake, '/SIM5A\r\n'), [])
    }
  })

  it('hands the identification on, so that a decoder names the maker', () => {
    const telegram = encodeD0(houseState(), D0_STYLES.readout)
    const at = telegram.indexOf(2)
    const handshake = new Handshake({ address: '12345678' })
    const [, request] = handshake.start()
    assert.ok(request?.kind === 'write')
    assert.equal(Buffer.from(request.bytes).toString(), '/?12345678!\r\n')
    const actions = handshake.receive(telegram.subarray(0, at))
    const readout = actions.find((action) => action.kind === 'readout')
    assert.ok(readout !== undefined)
    assert.equal(readout.identification.offersHdlc, true)
    assert.equal(readout.identification.model, 'ZMF-SIM.M26')
    const decoder = createDecoder('d0')
    assert.deepEqual(decoder.push(readout.ahead), [])
    const [event] = decoder.push(telegram.subarray(at))
    assert.ok(event?.type === 'reading' && event.reading.manufacturer === 'SIM')
  })

  it('never throws nor keeps more than an answer may have, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 }), (chunks) => {
        const handshake = new Handshake()
        handshake.start()
        for (const chunk of chunks) handshake.receive(chunk)
      }),
    )
  })

  it('refuses addresses that no device can have', () => {
    for (const address of ['!', 'ü', '1'.repeat(HANDSHAKE_ADDRESS_LETTERS_MAX + 1), '1\r\n']) {
      assert.throws(
        () => new Handshake({ address }),
        (error) => error instanceof MeterError && error.code === 'range',
      )
    }
  })

  it('knows the speed of every identification', () => {
    const speeds = '0123456ABCDEF79'.split('').map((z) => {
      const found = parseIdentification(`/SIM${z}X`)
      return `${found?.mode ?? '-'}${found?.baudRate ?? 0}`
    })
    assert.deepEqual(speeds, [
      ...[300, 600, 1200, 2400, 4800, 9600, 19200].map((baud) => `C${baud}`),
      ...[600, 1200, 2400, 4800, 9600, 19200].map((baud) => `B${baud}`),
      'A300',
      'A300',
    ])
    assert.equal(parseIdentification('/SI5X'), undefined)
  })
})
