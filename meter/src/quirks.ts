/** A habit of real meters that the standard does not have, and what is done about it. */
export interface Quirk {
  /** Three letters of the makers known for it; empty where any maker may have it. */
  readonly makers: readonly string[]
  readonly what: string
  readonly cure: string
  /** File below `meter/src` where the cure is. */
  readonly where: string
  /** Where it was seen: repository and issue, file, or capture. */
  readonly evidence: readonly string[]
}

/** Every vendor quirk that this package knows, in the one place where they are kept. */
export const QUIRKS = {
  int16Power: {
    makers: ['DZG'],
    what: 'Power from 327.68 to 655.35 W stands in a signed 16-bit field and reads as negative.',
    cure: 'Status word says import, field has two bytes, value is negative: add 65,536.',
    where: 'sml/sign.ts',
    evidence: [
      'volkszaehler/libsml#59, #101, #105, #125, #162 (DVS74, DWS74, old firmware)',
      'volkszaehler/vzlogger#544 (WS74 outside the serial numbers that libsml repairs)',
    ],
  },
  unsignedPower: {
    makers: ['EMH'],
    what: 'Power carries no sign; only bit 5 of the EDL21 status word tells export.',
    cure: 'Net power is negated; an amount (15.7.0) is kept and the net power 16.7.0 derived.',
    where: 'sml/sign.ts',
    evidence: ['volkszaehler/vzlogger#431', 'volkszaehler/libsml#101 (eHZ, ED300L)'],
  },
  countsExportAlone: {
    makers: ['DNT'],
    what: 'A meter of what panels give counts export alone and shows the amount of power both ways.',
    cure: 'The direction of the status word holds; energy that moves against it is flagged.',
    where: 'sml/reading.ts',
    evidence: [
      'Dr. Neuhaus SMARTY: 36 to 55 W for 54 minutes of a capture while 2.8.0 stands at 4,373.0 Wh',
    ],
  },
  crcAsUnsigned8: {
    makers: [],
    what: 'A message checksum whose high byte is zero is sent as Unsigned8.',
    cure: 'Integers of any width are read wherever the value fits.',
    where: 'sml/message.ts',
    evidence: ['Dr. Neuhaus SMARTY: four of 878 telegrams of one capture'],
  },
  crcKermit: {
    makers: [],
    what: 'Checksums are CRC-16/KERMIT, high byte first, in messages and in the frame.',
    cure: 'Tried after X.25; a telegram must use one kind throughout, a meter the same always.',
    where: 'sml/framer.ts',
    evidence: [
      'volkszaehler/libsml sml/src/sml_message.c (Holley DTZ541)',
      'spacemanspiff2007/SmlLib src/smllib/crc/kermit.py',
    ],
  },
  bareTime: {
    makers: ['HLY'],
    what: 'A time is a bare Unsigned32 without the list of choice and content.',
    cure: 'Read as second index: it counts seconds, and no date is made of it.',
    where: 'sml/message.ts',
    evidence: ['volkszaehler/libsml PR#4, sml/src/sml_time.c (Holley DTZ541)'],
  },
  timeAsList: {
    makers: ['EMH'],
    what: 'A time holds a list of timestamp and two offsets; a value may be a time, too.',
    cure: 'SML_TimestampLocal and SML_ListType are read as SML 1.04 defines them.',
    where: 'sml/message.ts',
    evidence: ['spacemanspiff2007/SmlLib#26', 'volkszaehler/libsml sml_time.c (Froetec ZG22)'],
  },
  integerWidth: {
    makers: [],
    what: 'Integers take 3, 5, 6 or 7 bytes, which the standard does not name.',
    cure: 'All widths from 1 to 8, sign taken from the first byte.',
    where: 'sml/tlf.ts',
    evidence: ['EMH eHZ, Iskra MT175 (5 bytes)', 'DZG DVS74, EFR SGM (3 bytes)'],
  },
  fillOfFour: {
    makers: ['DZG'],
    what: 'Four fill bytes stand before the end where the messages already are a multiple of four.',
    cure: 'Up to four fill bytes are taken off.',
    where: 'sml/framer.ts',
    evidence: ['spacemanspiff2007/SmlLib tests/test_frames.py (DVS74, end 1A 04)'],
  },
  signedImport: {
    makers: ['ESY'],
    what: 'Power under 1.7.0 is the net power: it is negative while the house gives to the grid.',
    cure: 'Net power 16.7.0 is derived from it alone, and the register is kept.',
    where: 'net-power.ts',
    evidence: [
      'EasyMeter Q3D: a capture with -116.77 W at 1.7.0 and -128.41 W at 21.7.0',
      'OpenMUC jSML DecodeFileTest.java (Q3B over SML: 1.7.0 as Integer32 and no other power)',
    ],
  },
  groupTooMany: {
    makers: ['KAM'],
    what: 'One code of a P1 telegram has a group too many: 1-0:4:24.7.0 for 1-0:24.7.0.',
    cure: 'The group is left out.',
    where: 'iec62056-21/code.ts',
    evidence: ['UtilitechAS/amsreader-firmware#712 (Kamstrup Omnia)'],
  },
  wrappedLength: {
    makers: ['SAG'],
    what: 'M-Bus bodies of 256 bytes and more, whose length field of one byte wraps to 0, 1, ….',
    cure: 'A length too small for the fields that every body has counts as 256 more.',
    where: 'dlms/mbus.ts',
    evidence: ['UtilitechAS/amsreader-firmware#155, #248 (T210-D)'],
  },
  blockCipher: {
    makers: ['KFM'],
    what: 'The whole APDU is enciphered block by block (AES-128 in electronic code book, zeros behind).',
    cure: 'Tried where a key is given and nothing else comes out; the reading is unauthenticated.',
    where: 'dlms/block-cipher.ts',
    evidence: [
      'per-erik-nordbo/ams-han-port read.c and its recording of a MA105H2E, key in the name',
    ],
  },
  taggedTitle: {
    makers: ['KFM'],
    what: 'The tag of an octet string stands before the length of the system title (DB 09 08 …).',
    cure: 'Left out: a title has eight bytes, never nine.',
    where: 'dlms/ciphering.ts',
    evidence: ['public test programs for pushes of Kaifa meters over GPRS'],
  },
  suiteInName: {
    makers: ['KFM'],
    what: 'The security control byte says suite 1 (0x21), the key is still one of AES-128.',
    cure: 'The key length follows the suite only for suite 2, which needs 32 bytes.',
    where: 'dlms/ciphering.ts',
    evidence: ['volkszaehler/vzlogger#494', 'UtilitechAS/amsreader-firmware#539 (MA309M)'],
  },
  impliedScale: {
    makers: ['KAM', 'KFM', 'LGZ', 'ISK'],
    what: 'Registers come without scaler and unit.',
    cure:
      'Unit from the OBIS code; scale of the maker (Kamstrup: tens of watt-hours; Kaifa: ' +
      'milliamperes), else hundredths of amperes, and volts such that the highest is a mains voltage.',
    where: 'dlms/implied.ts',
    evidence: [
      'UtilitechAS/amsreader-firmware',
      'scs/smartmeter-datacollector',
      'a recorded stream of an Omnipower: 2,030 Wh in an hour in which power adds up to 2,033.9 Wh',
      'toreamun/amshan-homeassistant#43, turbokongen/hass-AMS#108 (watt-hours: option energyScaler)',
    ],
  },
  listWithoutCodes: {
    makers: ['KFM', 'ISK', 'LGZ', 'SMS'],
    what: 'Lists whose values have no OBIS codes, only places.',
    cure: 'Each list is an entry in dlms/lists.ts with the types of its elements and its evidence.',
    where: 'dlms/lists.ts',
    evidence: [
      'UtilitechAS/amsreader-firmware#501, #615, #869, #1072',
      'Noschvie/shrdzm code/SHRDZMDevice/Device_IM350.cpp (IM350 and AM550 in Austria)',
    ],
  },
  bareDescriptors: {
    makers: ['SAG'],
    what: 'Values are named by class, code and attribute in bare bytes instead of A-XDR values.',
    cure: 'Read as a push list with its values, if every byte of the body fits.',
    where: 'dlms/described.ts',
    evidence: ['esphome-libs/dlms_parser (XT211 and the specification of EG.D)'],
  },
  tagWithoutKey: {
    makers: [],
    what: 'Tags are computed without an authentication key in the additional data.',
    cure: 'Where no such key is given, the control byte alone and nothing are tried.',
    where: 'dlms/ciphering.ts',
    evidence: ['athombv/node-dsmr-parser (telegram without AAD)'],
  },
  longTl: {
    makers: [],
    what: 'Lengths need two TL bytes (public keys), counted within the length.',
    cure: 'Up to four TL bytes are joined.',
    where: 'sml/tlf.ts',
    evidence: ['EDL21 public key at 129-129:199.130.5*255'],
  },
  checkUnpadded: {
    makers: [],
    what: 'A P1 checksum is written without the zeros in front of it.',
    cure: 'One to four hexadecimal digits in capitals are taken.',
    where: 'iec62056-21/framer.ts',
    evidence: ['ndokter/dsmr_parser (Warmtelink, TELEGRAM_UNPADDED_CRC)'],
  },
  checkMissing: {
    makers: ['ISK'],
    what: 'A P1 telegram of version 4 or 5 without checksum, and pushed D0 telegrams without BCC.',
    cure: 'Every line must hold to the grammar; the reading is flagged; never again after a check.',
    where: 'iec62056-21/stream.ts',
    evidence: [
      'UtilitechAS/amsreader-firmware#1037 (AM550)',
      'athombv/node-dsmr-parser (MT382 without CRC)',
      'EasyMeter Q3D and eBZ DD3: no STX, ETX and BCC',
    ],
  },
  identBare: {
    makers: [],
    what: 'An identification line of P1 lacks the backslash or the digit behind the speed.',
    cure: 'Three letters and one character are enough; what follows is the name.',
    where: 'iec62056-21/framer.ts',
    evidence: ['Kaifa MA304C: /KFM5KAIFA-METER, in several public collections of telegrams'],
  },
  heatCodes: {
    makers: ['SIE', 'LUG'],
    what: 'Heat meters use short codes that name no medium, several on one line.',
    cure: 'Volumes beside energy tell a heat meter: its codes begin with 6-0.',
    where: 'iec62056-21/reading.ts',
    evidence: ['Apollon77/smartmeter-obis tests (Ultraheat 2WR5)'],
  },
  storedWithAmpersand: {
    makers: [],
    what: 'Storage numbers stand behind & in place of *.',
    cure: 'Both marks are read as the storage number.',
    where: 'iec62056-21/code.ts',
    evidence: ['Apollon77/smartmeter-obis tests (Ultraheat 2WR5)'],
  },
  echoingHead: {
    makers: [],
    what: 'Heads with TX beside RX, and RS-485 adapters, hear their own words.',
    cure: 'What was sent is taken off what comes; a damaged echo is garbage before the answer.',
    where: 'echo.ts',
    evidence: ['Weidmann USB head', 'esphome-iec62056#13, #16'],
  },
  slowAdapter: {
    makers: [],
    what: 'An adapter loses what comes right after a change of speed.',
    cure: 'The last attempt of a sign-on asks for 300 baud, which needs no change.',
    where: 'iec62056-21/handshake.ts',
    evidence: ['volkszaehler/vzlogger baudrate_change_delay', 'iec62056-21#4, #14, #19'],
  },
  lowWordFirst: {
    makers: [],
    what: 'Modbus values of two registers come low word first (Carlo Gavazzi, Shelly).',
    cure: 'The word order is part of each register map.',
    where: 'modbus/maps/rail.ts',
    evidence: ['Carlo Gavazzi EM24 and EM340 protocols', 'Shelly API documentation, Modbus'],
  },
} as const satisfies Record<string, Quirk>

/** Whether a maker is known for a quirk; a telegram that names no maker may have any. */
export function mayHave(quirk: Quirk, maker: string | undefined): boolean {
  return maker === undefined || quirk.makers.length === 0 || quirk.makers.includes(maker)
}
