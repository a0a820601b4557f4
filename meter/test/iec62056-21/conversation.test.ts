import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { MeterAction, RegisterRequest } from '../../src/index.ts'
import {
  HANDSHAKE_ATTEMPTS_MAX,
  Handshake,
  MeterError,
  RegisterSession,
  createDecoder,
  decimal,
  profileSpan,
} from '../../src/index.ts'
import {
  SESSION_ATTEMPTS_MAX,
  SESSION_CODE_LETTERS_MAX,
  SESSION_PASSWORD_LETTERS_MAX,
  SESSION_REQUESTS_MAX,
} from '../../src/iec62056-21/register-session.ts'
import type { D0MeterOptions } from '../../src/simulator/index.ts'
import { D0Meter, Household } from '../../src/simulator/index.ts'
import { asciiBytes } from '../../src/simulator/text.ts'
import { converse } from '../support/line.ts'

const START_MS = Date.UTC(2026, 4, 4, 10)
const NOW_MS = START_MS + 3 * 3_600_000

function meter(options: Partial<D0MeterOptions> = {}): D0Meter {
  const household = new Household({ seed: 5, startMs: START_MS, importMilliWh: 1_234_567_000n })
  return new D0Meter({ household, mode: 'C', ...options })
}

function kinds(actions: readonly MeterAction[]): readonly string[] {
  return actions.map(({ kind }) => kind)
}

function written(actions: readonly MeterAction[]): string {
  return actions
    .flatMap((action) => (action.kind === 'write' ? [...action.bytes] : []))
    .map((byte) => letter(byte & 0x7f))
    .join('')
}

/** A character as it is, controls in angle brackets. */
function letter(byte: number): string {
  const control = byte < 0x20 && byte !== 0x0d && byte !== 0x0a
  return control ? `<${byte.toString(16)}>` : String.fromCharCode(byte)
}

/** Signs on for registers and asks for them. */
function ask(
  peer: D0Meter,
  requests: readonly RegisterRequest[],
  more: {
    readonly password?: string
    readonly echo?: boolean
    readonly software7E1?: boolean
  } = {},
): ReturnType<typeof converse> {
  const { password, echo = false, software7E1 = false } = more
  return converse(new Handshake({ purpose: 'registers', software7E1 }), peer, {
    startMs: NOW_MS,
    echo,
    next: (action) =>
      action.kind === 'session'
        ? new RegisterSession({
            identification: action.identification,
            requests,
            software7E1,
            ...(password === undefined ? {} : { password }),
          })
        : undefined,
  })
}

const ENERGY: RegisterRequest = { command: 'R5', code: '1.8.0' }

describe('a conversation with a meter of IEC 62056-21', () => {
  for (const mode of ['A', 'B', 'C', 'E'] as const) {
    for (const echo of [false, true]) {
      for (const software7E1 of [false, true]) {
        const port = `${echo ? 'echoing head' : 'head'}, ${software7E1 ? '8N1' : '7E1'}`
        it(`reads out a meter of mode ${mode} (${port})`, () => {
          const peer = meter({ mode })
          const outcome = converse(new Handshake({ software7E1 }), peer, {
            startMs: NOW_MS,
            echo,
            sizes: [1, 7, 30],
          })
          const [reading, more] = outcome.readings
          assert.equal(more, undefined)
          assert.deepEqual(reading?.flags, [])
          assert.equal(reading.manufacturer, 'SIM')
          assert.equal(reading.registers[0]?.obis, '1-0:1.8.0*255')
          assert.equal(kinds(outcome.actions).includes('failed'), false)
        })
      }
    }
  }

  it('wakes a battery meter, which is silent without', () => {
    const asleep = converse(new Handshake(), meter({ sleeps: true }), { startMs: NOW_MS })
    assert.deepEqual(asleep.actions.at(-1), { kind: 'failed', reason: 'silent' })
    const woken = converse(new Handshake({ wakeUp: true }), meter({ sleeps: true }), {
      startMs: NOW_MS,
    })
    assert.equal(woken.readings.length, 1)
  })

  it('reads an address among several meters on one line', () => {
    const peer = meter({ address: '4711' })
    const one = converse(new Handshake({ address: '4711' }), peer, { startMs: NOW_MS })
    assert.equal(one.readings.length, 1)
    const other = converse(new Handshake({ address: '4712' }), peer, { startMs: NOW_MS })
    assert.equal(other.readings.length, 0)
  })

  it('asks for 300 baud in the end where the faster speed never arrives', () => {
    const peer = meter()
    // The adapter loses everything that is faster than 300 baud.
    const outcome = converse(
      new Handshake(),
      {
        receive: (bytes, moment) =>
          peer.receive(bytes, moment).filter(({ baudRate }) => baudRate === 300),
        poll: () => [],
      },
      { startMs: NOW_MS },
    )
    assert.equal(outcome.readings.length, 1)
    assert.match(written(outcome.actions), /<6>050\r\n.*<6>050\r\n.*<6>000\r\n/s)
    assert.equal(kinds(outcome.actions).filter((kind) => kind === 'readout').length, 5)
  })

  it('opens the door to HDLC where the meter offers it, echo or not', () => {
    for (const echo of [false, true]) {
      const peer = meter({ mode: 'E', hdlc: (bytes) => Uint8Array.from([...bytes].reverse()) })
      const outcome = converse(new Handshake({ purpose: 'hdlc' }), peer, { startMs: NOW_MS, echo })
      const [speed, hdlc] = outcome.actions.slice(-2)
      assert.deepEqual(speed, { kind: 'speed', baudRate: 9_600, framing: '8N1' })
      assert.ok(hdlc?.kind === 'hdlc' && hdlc.baudRate === 9_600)
      const frame = Uint8Array.of(0x7e, 0xa0, 0x81)
      const [answer] = peer.receive(frame, { timeMs: NOW_MS, baudRate: 9_600 })
      assert.deepEqual(answer?.bytes, Uint8Array.of(0x81, 0xa0, 0x7e))
      assert.equal(answer.framing, '8N1')
    }
    const without = converse(new Handshake({ purpose: 'hdlc' }), meter(), { startMs: NOW_MS })
    assert.deepEqual(without.actions.at(-1), { kind: 'failed', reason: 'unsupported' })
  })

  it('hears a meter of mode D without a word of its own', () => {
    const peer = meter({ mode: 'D', baudRate: 2_400 })
    const [reply] = peer.poll(NOW_MS)
    assert.equal(reply?.baudRate, 2_400)
    const [event] = createDecoder('auto').push(reply.bytes)
    assert.equal(event?.type === 'reading' && event.reading.protocol, 'd0')
    assert.deepEqual(peer.poll(NOW_MS + 1_000), [])
  })

  it('survives answers with bits flipped: a reading is right or there is none', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.nat(1_000_000), fc.boolean(), (count, bit, software7E1) => {
        const outcome = converse(new Handshake({ software7E1 }), meter(), {
          startMs: NOW_MS,
          spoil: (bytes, index) => (index === count % 3 ? flipped(bytes, bit) : bytes),
        })
        for (const reading of outcome.readings) {
          if (reading.flags.length > 0) continue
          // A later attempt reads a later value.
          const wattHours = Number(decimal(reading.registers[0] ?? { digits: 0n, scaler: 0 }))
          assert.ok(wattHours >= Number(ENERGY_WH) - 5 && wattHours < Number(ENERGY_WH) + 100)
        }
        assert.ok(outcome.tookMs < 120_000)
      }),
      { numRuns: 60 },
    )
  })
})

const ENERGY_WH = ((): string => {
  const outcome = ask(meter(), [ENERGY])
  const [register] = outcome.readings[0]?.registers ?? []
  return register === undefined ? '' : decimal(register)
})()

describe('reading registers in programming mode', () => {
  it('reads single registers and says what the meter refuses', () => {
    const peer = meter({ password: '00000000' })
    const outcome = ask(peer, [ENERGY, { command: 'R5', code: '9.9.9' }, ENERGY], {
      password: '00000000',
      echo: true,
    })
    assert.deepEqual(
      outcome.actions.filter(({ kind }) => kind === 'refused'),
      [{ kind: 'refused', request: 'R5 9.9.9', reason: 'ER01' }],
    )
    assert.equal(outcome.readings.length, 2)
    assert.equal(outcome.readings[0]?.manufacturer, 'SIM')
    assert.match(ENERGY_WH, /^123\d{4}$/)
    assert.equal(outcome.actions.at(-1)?.kind, 'done')
    assert.match(written(outcome.actions), /<1>B0<3>q$/)
  })

  it('speaks through a port without parity', () => {
    const outcome = ask(meter(), [ENERGY], { software7E1: true, echo: true })
    assert.equal(outcome.readings.length, 1)
    for (const action of outcome.actions) {
      if (action.kind !== 'write') continue
      for (const byte of action.bytes) assert.equal(ones(byte) % 2, 0)
    }
  })

  it('offers a password once and never again: meters count', () => {
    const outcome = ask(meter({ password: '12345678' }), [ENERGY], { password: '00000000' })
    assert.deepEqual(outcome.actions.at(-1), { kind: 'failed', reason: 'refused' })
    assert.equal(written(outcome.actions).split('P1').length, 2)
    const without = ask(meter({ password: '12345678' }), [ENERGY])
    assert.equal(without.readings.length, 0)
  })

  it('asks again after a damaged or missing answer, a few times', () => {
    const { identification } = sessionOf()
    const session = new RegisterSession({ identification, requests: [ENERGY, ENERGY] })
    session.start()
    let actions = session.receive(asciiBytes('\x01P0\x02()\x03`'))
    for (let attempt = 1; attempt < SESSION_ATTEMPTS_MAX; attempt++) {
      assert.deepEqual(kinds(actions), ['wait', 'write', 'listen'])
      actions = session.silence()
    }
    assert.equal(session.silence()[0]?.kind, 'refused')
    for (let attempt = 0; attempt < SESSION_ATTEMPTS_MAX; attempt++) {
      actions = session.receive(asciiBytes('\x02(1)\x03!'))
      assert.equal(written(actions), '<15>')
    }
    actions = session.receive(asciiBytes('\x02(1)\x03!'))
    assert.deepEqual(kinds(actions), ['refused', 'write', 'failed'])
  })

  it('joins an answer that comes in several blocks', () => {
    const { identification } = sessionOf()
    const session = new RegisterSession({
      identification,
      requests: [{ command: 'R6', code: 'P.01', argument: profileSpan(START_MS, NOW_MS) }],
    })
    session.start()
    assert.match(
      written(session.receive(asciiBytes('\x01P0\x02()\x03`'))),
      /P\.01\(02605041000;02605041300\)/,
    )
    const more = framed('P.01(0260504101500)(00)(15)(1)(1.5)(kW)\r\n(0.1)', '\x04')
    assert.equal(written(session.receive(more)), '<6>')
    const [reading] = session.receive(framed('\r\n(0.2)\r\n', '\x03'))
    assert.ok(reading?.kind === 'reading')
    assert.equal(
      Buffer.from(reading.reading.texts[0]?.bytes ?? []).toString(),
      '(0260504101500)(00)(15)(1)(1.5)(kW)(0.1)(0.2)',
    )
  })

  it('can say nothing that would change a meter', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }),
        fc.boolean(),
        (chunks, software7E1) => {
          const { identification } = sessionOf()
          const session = new RegisterSession({
            identification,
            requests: [ENERGY, { command: 'R6', code: 'P.98' }],
            password: '1',
            software7E1,
          })
          let said = written(session.start())
          for (const chunk of [asciiBytes('\x01P0\x02()\x03`'), ...chunks]) {
            said += written(session.receive(chunk)) + written(session.silence())
          }
          for (const [, command = ''] of said.matchAll(/<1>([^<]*)/g)) {
            assert.ok(['P1', 'R5', 'R6', 'B0'].includes(command), command)
          }
        },
      ),
    )
    const peer = meter()
    ask(peer, [ENERGY, { command: 'R1', code: '1.8.0' }])
    assert.deepEqual(peer.writes, [])
  })

  it('refuses requests that no meter could take, and commands that write', () => {
    const { identification } = sessionOf()
    const wrong: readonly RegisterRequest[][] = [
      [],
      [{ command: 'R5', code: '1.8.0)(' }],
      [{ command: 'R5', code: '' }],
      [{ command: 'R5', code: '1'.repeat(SESSION_CODE_LETTERS_MAX + 1) }],
      [{ ...ENERGY, argument: 'x)\x03' }],
      Array.from({ length: SESSION_REQUESTS_MAX + 1 }, () => ENERGY),
      [{ ...ENERGY, ...({ command: 'W5' } as object) }],
    ]
    for (const requests of wrong) {
      assert.throws(
        () => new RegisterSession({ identification, requests }),
        (error) => error instanceof MeterError && error.code === 'range',
      )
    }
    for (const password of ['(1)', '\x03', '1'.repeat(SESSION_PASSWORD_LETTERS_MAX + 1)]) {
      assert.throws(
        () => new RegisterSession({ identification, requests: [ENERGY], password }),
        (error) => error instanceof MeterError && !error.message.includes('1111'),
      )
    }
  })

  it('gives up a sign-on after its attempts, also for registers', () => {
    const outcome = converse(
      new Handshake({ purpose: 'registers' }),
      { receive: () => [], poll: () => [] },
      { startMs: NOW_MS },
    )
    assert.deepEqual(outcome.actions.at(-1), { kind: 'failed', reason: 'silent' })
    assert.equal(written(outcome.actions).split('/?!').length - 1, HANDSHAKE_ATTEMPTS_MAX)
  })
})

function sessionOf(): Extract<MeterAction, { readonly kind: 'session' }> {
  const outcome = converse(new Handshake({ purpose: 'registers' }), meter(), { startMs: NOW_MS })
  const action = outcome.actions.at(-1)
  assert.ok(action?.kind === 'session')
  return action
}

function framed(data: string, end: string): Uint8Array {
  const bytes = asciiBytes(`\x02${data}${end}`)
  return Uint8Array.from([...bytes, bytes.subarray(1).reduce((sum, byte) => sum ^ byte, 0)])
}

function ones(byte: number): number {
  return byte.toString(2).replaceAll('0', '').length
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const bad = bytes.slice()
  const at = bit % (7 * bytes.length)
  bad[Math.floor(at / 7)] = (bad[Math.floor(at / 7)] ?? 0) ^ (1 << (at % 7))
  return bad
}
