import { OWN_LIST_PLACES_MAX } from '@s3mp/meter'
import { z } from 'zod'

import type { Field } from './field.ts'
import { secret } from './secret.ts'
import { span, spanOrOff, text, whole } from './values.ts'

/** The speeds an optical head may be asked to run at (IEC 62056-21 §6.3.2 and SML practice). */
export const BAUD_RATES = [
  300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200,
] as const

/** Protocols that a meter can be configured to speak. */
export const METER_PROTOCOLS = ['auto', 'sml', 'dlms', 'dsmr', 'd0', 'modbus'] as const

const FRAMES = ['8N1', '7E1', '8E1', '8O1', '8N2'] as const
const MEDIA = ['electricity', 'gas', 'water', 'hot-water', 'heat'] as const

const SECOND = 1000
const DAY = 24 * 3600 * SECOND

const SECRET = '"file:PATH", "credential:NAME" or "hex:DIGITS"'
const obis = z.string().regex(/^\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}(?:\*\d{1,3})?$/u)

/** The sections of one meter; each `[[meter]]` has its own. */
export const METER_SECTIONS = {
  meter: {
    doc: 'A meter and how it is read. For several meters write `[[meter]]` before each, and its sections `[meter.…]` after it.',
    fields: {
      name: {
        schema: z
          .string()
          .regex(/^[\p{L}\p{N}][\p{L}\p{N} _.-]{0,31}$/u)
          .optional(),
        example: '"house"',
        expected: 'up to 32 letters, digits, spaces, dots and dashes',
        doc: 'What you call it. Where there are several meters each needs a name of its own; keep it, because the streams of readings hang on it.',
      },
      device: {
        schema: text,
        example: '"/dev/serial/by-id/usb-Silicon_Labs_CP2104_USB_to_UART_Bridge-if00-port0"',
        expected:
          'a serial port, "tcp:HOST:PORT", "tcp:/SOCKET", "gpio:LINE", "socket:PATH", "simulated:household" or "replay:FILE"',
        doc: 'Where it is. A serial port is named by `/dev/serial/by-id/…`, which survives a re-plug. `tcp:` is a meter or gateway that is asked over a network; with a path, a Unix socket behind which another process holds the connection, as the meter role has no network when systemd starts it; `gpio:` a pulse output on a pin (BCM number), `socket:` a Unix socket into which another program writes telegrams. Without a meter: `"simulated:household"` (marked as such in every reading) or `"replay:FILE"` (captured bytes at line speed, marked too).',
      },
      protocol: {
        schema: z.enum(METER_PROTOCOLS),
        fallback: '"auto"',
        expected: '"auto", "sml", "dlms", "dsmr", "d0" or "modbus"',
        doc: 'What it speaks; `auto` finds out what a meter sends by itself. `d0` is IEC 62056-21. Not used for `gpio:` and `socket:`.',
      },
      ask: {
        schema: spanOrOff(SECOND, DAY),
        fallback: '"off"',
        expected: 'a span from "1s" to "1d", or "off"',
        doc: 'How often it is asked; `off` for a meter that sends by itself. `d0` is asked by sign-on, `dlms` by a client, `modbus` must be asked. Be sparing with a meter that lives on a battery.',
      },
      baud: {
        schema: z.literal(BAUD_RATES),
        fallback: '9600',
        expected: `one of ${BAUD_RATES.join(', ')}`,
        doc: 'Speed of the line, in bits a second. A sign-on begins at 300 whatever stands here.',
      },
      frame: {
        schema: z.enum(FRAMES),
        fallback: '"8N1"',
        expected: FRAMES.map((frame) => `"${frame}"`).join(', '),
        doc: 'Data bits, parity and stop bits.',
      },
      silence: {
        schema: span(2 * SECOND, DAY),
        fallback: '"30s"',
        expected: 'a span from "2s" to "1d"',
        doc: 'When no byte came for this long the port is closed and opened again.',
      },
      pin: {
        schema: text.optional(),
        example: '"/var/lib/s3mp/meter.pin"',
        expected: 'a file made by s3mp pin --keep',
        doc: 'A PIN that was proven right and may be typed again, by the light of the head, when the meter shows less after a power cut. At most twice in vain.',
      },
    },
  },
  'meter.keys': {
    doc: 'Keys of a meter that ciphers (DLMS, DSMR in Luxembourg and Austria). Never write them here: name the file or the systemd credential they are in, which only its owner may read. `hex:` is taken only where this file itself may be read by nobody else.',
    fields: {
      encryption: {
        schema: secret.optional(),
        example: '"credential:house.ek"',
        expected: SECRET,
        secret: true,
        doc: 'The key that opens telegrams (EK, GUEK): 16 bytes, 32 for suite 2; in hex or bare.',
      },
      authentication: {
        schema: secret.optional(),
        example: '"credential:house.ak"',
        expected: SECRET,
        secret: true,
        doc: 'The key that proves them (AK, GAK). Without it readings of a ciphering meter are marked `unauthenticated`.',
      },
      master: {
        schema: secret.optional(),
        example: '"credential:house.kek"',
        expected: SECRET,
        secret: true,
        doc: 'The key under which the meter sends other keys along (KEK), where it does.',
      },
      signature: {
        schema: secret.optional(),
        example: '"file:/etc/s3mp/house.pem"',
        expected: '"file:PATH" or "credential:NAME"',
        secret: true,
        doc: 'The public key of the meter for signatures, where it signs its telegrams, and for `dlms.login = "ecdsa"`: in PEM, alone or in a certificate, or its point in hex. Without it signatures are not checked.',
      },
      agreement: {
        schema: secret.optional(),
        example: '"credential:house.agreement"',
        expected: SECRET,
        secret: true,
        doc: 'Our private key to agree on keys with (suites 1 and 2), where the meter pushes telegrams under a key that both derive: in PEM, or its number in hex. P-256 in suite 1, P-384 in suite 2.',
      },
      meter_agreement: {
        schema: secret.optional(),
        example: '"file:/etc/s3mp/house.agreement.pem"',
        expected: '"file:PATH" or "credential:NAME"',
        secret: true,
        doc: 'The public key of the meter for the same, where it sends none of its own along (static scheme).',
      },
      login: {
        schema: secret.optional(),
        example: '"credential:house.login"',
        expected: SECRET,
        secret: true,
        doc: 'Our private key to sign on with, for `dlms.login = "ecdsa"`; the meter must know its public key.',
      },
    },
  },
  'meter.d0': {
    doc: 'How a meter is signed on to (IEC 62056-21): `protocol = "d0"` with `ask`.',
    fields: {
      address: {
        schema: z
          .string()
          .regex(/^[0-9A-Za-z ]{0,32}$/u)
          .optional(),
        example: '"12345678"',
        expected: 'up to 32 letters and digits',
        doc: 'The device address, where several meters share a line.',
      },
      wake_up: {
        schema: z.boolean(),
        fallback: 'false',
        expected: 'true or false',
        doc: 'Whether it sleeps and must be woken by two seconds of zeros, as meters on a battery do.',
      },
      parity: {
        schema: z.enum(['port', 'software']),
        fallback: '"port"',
        expected: '"port" or "software"',
        doc: 'Who makes the seventh bit and the parity: the port, or this program, for ports without parity.',
      },
      profile: {
        schema: z
          .string()
          .regex(/^[0-9A-Za-z.]{1,16}$/u)
          .optional(),
        example: '"P.01"',
        expected: 'up to 16 letters, digits and dots',
        doc: 'The load profile from which readings are fetched that were missed during an outage.',
      },
      password: {
        schema: secret.optional(),
        example: '"credential:house.password"',
        expected: SECRET,
        secret: true,
        doc: 'For reading the load profile, where the meter wants one.',
      },
    },
  },
  'meter.dlms': {
    doc: 'How a meter is asked as a DLMS client: `protocol = "dlms"` with `ask`. One key is for meters that push.',
    fields: {
      client: {
        schema: whole(1, 127),
        fallback: '16',
        expected: 'a whole number from 1 to 127',
        doc: 'Our address: 16 is the public client, which needs no password.',
      },
      server: {
        schema: whole(1, 16_383),
        fallback: '1',
        expected: 'a whole number from 1 to 16383',
        doc: 'The logical device that is asked.',
      },
      physical: {
        schema: whole(1, 16_383).optional(),
        example: '17',
        expected: 'a whole number from 1 to 16383',
        doc: 'The physical device on the line, where there are several.',
      },
      sign_on: {
        schema: z.boolean(),
        fallback: 'false',
        expected: 'true or false',
        doc: 'Whether the line is opened by a sign-on at 300 baud (IEC 62056-21 mode E), as behind an optical head.',
      },
      login: {
        schema: z.enum(['none', 'low', 'gmac', 'ecdsa']),
        fallback: '"none"',
        expected: '"none", "low", "gmac" or "ecdsa"',
        doc: 'How we prove who we are: not at all, by a password, by the keys of `[meter.keys]`, or by a signature under `keys.login`, which the meter answers with one that `keys.signature` checks.',
      },
      password: {
        schema: secret.optional(),
        example: '"credential:house.password"',
        expected: SECRET,
        secret: true,
        doc: 'For `login = "low"`.',
      },
      title: {
        schema: z
          .string()
          .regex(/^[0-9A-Fa-f]{16}$/u)
          .optional(),
        example: '"5333504D00000001"',
        expected: '16 hex digits',
        doc: 'Our own system title, for associations under keys.',
      },
      suite: {
        schema: z.literal([0, 1, 2]).optional(),
        example: '1',
        expected: '0, 1 or 2',
        doc: 'The security suite of associations under keys. Left out: 2 for keys of 32 bytes, 1 for `login = "ecdsa"`, else 0.',
      },
      registers: {
        schema: z.array(obis).min(1).max(64).optional(),
        example: '["1-0:1.8.0", "1-0:2.8.0", "1-0:16.7.0"]',
        expected: 'a list of OBIS codes',
        doc: 'What is read. Left out: what the meter lists of itself.',
      },
      profile: {
        schema: obis.optional(),
        example: '"1-0:99.1.0"',
        expected: 'an OBIS code',
        doc: 'The load profile from which readings are fetched that were missed during an outage.',
      },
      energy_wh: {
        schema: z.literal([1, 10, 100, 1000]).optional(),
        example: '1',
        expected: '1, 10, 100 or 1000',
        doc: 'Of a meter that pushes: what one step of an energy is worth, in watt-hours, where it sends no scale. Left out: as its maker has it, which for Kamstrup is 10, as in Norway; compare with the display.',
      },
    },
  },
  'meter.list': {
    doc: 'What stands where in a list that a DLMS meter pushes without codes, confirmed by whoever compared it with the display: `s3mp decode --propose` prints and writes it. For several lists write `[[meter.list]]` before each.',
    fields: {
      types: {
        schema: z
          .string()
          .regex(/^[A-Za-z]{1,64}$/u)
          .optional(),
        example: '"hihhhus"',
        expected: 'a letter for each place',
        doc: 'The types of its elements, so that another list of as many places is not taken for this one: `s` octets or text, `u` `h` `b` unsigned of 32, 16, 8 bits, `i` `j` `c` signed, `U` `I` of 64 bits, `e` enumeration, `o` boolean, `n` null, `l` a list. Left out: any.',
      },
      places: {
        schema: z.array(text).min(1).max(OWN_LIST_PLACES_MAX).optional(),
        example: '["device", "1-0:16.7.0 W", "1-0:32.7.0 0.1 V", "skip", "1-0:1.8.0 Wh"]',
        expected: `a list of 1 to ${String(OWN_LIST_PLACES_MAX)} texts`,
        doc: 'What stands at each place: `device`, `clock`, `skip`, or an OBIS code and what one step of the number is worth. A minus before the factor (`-1 W`) turns a direction round.',
      },
    },
  },
  'meter.s0': {
    doc: 'A pulse output on a pin: `device = "gpio:LINE"`.',
    fields: {
      pulses: {
        schema: z.number().positive().max(100_000).optional(),
        example: '1000',
        expected: 'a number above 0, up to 100000',
        doc: 'Pulses a kWh, or a cubic metre for gas and water, as printed on the meter.',
      },
      medium: {
        schema: z.enum(MEDIA),
        fallback: '"electricity"',
        expected: MEDIA.map((medium) => `"${medium}"`).join(', '),
        doc: 'What is counted.',
      },
      serial: {
        schema: z
          .string()
          .regex(/^[ -~]{1,64}$/u)
          .optional(),
        example: '"1EMH0012345678"',
        expected: 'up to 64 letters and digits',
        doc: 'The number on the meter: a pulse cannot tell it.',
      },
      start: {
        schema: z
          .string()
          .regex(/^\d{1,12}(?:\.\d{1,6})?$/u)
          .optional(),
        example: '"12345.6"',
        expected: 'a decimal number in quotes',
        doc: 'What the meter showed (kWh, m³) when counting began. It is used once; later the stored counter goes on.',
      },
      active_low: {
        schema: z.boolean(),
        fallback: 'true',
        expected: 'true or false',
        doc: 'Whether a pulse pulls the line to ground, as an output with a pull-up does.',
      },
      bounce: {
        schema: span(1, 200),
        fallback: '"15ms"',
        expected: 'a span from "1ms" to "200ms"',
        doc: 'A level that lasts shorter is not believed. EN 62053-31 has at least 30 ms.',
      },
    },
  },
  'meter.modbus': {
    doc: 'A meter on a Modbus: `protocol = "modbus"`. Several meters may name the same port or gateway; they are asked one after the other.',
    fields: {
      map: {
        schema: text.optional(),
        example: '"eastron-sdm630"',
        expected: 'the name of a map, or a file',
        doc: 'Which registers mean what: one of the maps that come along, or a JSON file of your own.',
      },
      unit: {
        schema: whole(1, 247),
        fallback: '1',
        expected: 'a whole number from 1 to 247',
        doc: 'The address of the meter on the bus.',
      },
      serial: {
        schema: z
          .string()
          .regex(/^[ -~]{1,64}$/u)
          .optional(),
        example: '"SDM-0815"',
        expected: 'up to 64 letters and digits',
        doc: 'The number on the meter, where its map has no register for it.',
      },
    },
  },
  'meter.adapter': {
    doc: 'Telegrams that another program receives, by radio for instance, and writes into a Unix socket: `device = "socket:PATH"`.',
    fields: {
      devices: {
        schema: z.array(text).min(1).max(20).optional(),
        example: '["12345678"]',
        expected: 'a list of numbers of meters',
        doc: 'The meters that are ours. Left out: all that are heard, the neighbours’ too.',
      },
      keys: {
        schema: secret.optional(),
        example: '"credential:radio.keys"',
        expected: '"file:PATH" or "credential:NAME"',
        secret: true,
        doc: 'A file with a line for each meter that ciphers: its number, a space, and its key of 16 bytes in hex.',
      },
    },
  },
} as const satisfies Readonly<
  Record<string, { doc: string; fields: Readonly<Record<string, Field<z.ZodType>>> }>
>
