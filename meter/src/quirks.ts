/** A habit of real meters that the standard does not have, and what is done about it. */
export interface Quirk {
  /** Three letters of the makers known for it; empty where any maker may have it. */
  readonly makers: readonly string[]
  readonly what: string
  readonly cure: string
  /** Where it was seen: repository and issue, file, or capture. */
  readonly evidence: readonly string[]
}

/** Every vendor quirk that this package knows, in the one place where they are kept. */
export const QUIRKS = {
  int16Power: {
    makers: ['DZG'],
    what: 'Power from 327.68 to 655.35 W stands in a signed 16-bit field and reads as negative.',
    cure: 'Status word says import, field has two bytes, value is negative: add 65,536.',
    evidence: [
      'volkszaehler/libsml#59, #101, #105, #125, #162 (DVS74, DWS74, old firmware)',
      'volkszaehler/vzlogger#544 (WS74 outside the serial numbers that libsml repairs)',
    ],
  },
  unsignedPower: {
    makers: ['EMH'],
    what: 'Power carries no sign; only bit 5 of the EDL21 status word tells export.',
    cure: 'Net power is negated; an amount (15.7.0) is kept and the net power 16.7.0 derived.',
    evidence: ['volkszaehler/vzlogger#431', 'volkszaehler/libsml#101 (eHZ, ED300L)'],
  },
  countsExportAlone: {
    makers: ['DNT'],
    what: 'A meter of what panels give counts export alone and shows the amount of power both ways.',
    cure: 'The direction of the status word holds; energy that moves against it is flagged.',
    evidence: [
      'Dr. Neuhaus SMARTY: 36 to 55 W for 54 minutes of a capture while 2.8.0 stands at 4,373.0 Wh',
    ],
  },
  crcAsUnsigned8: {
    makers: [],
    what: 'A message checksum whose high byte is zero is sent as Unsigned8.',
    cure: 'Integers of any width are read wherever the value fits.',
    evidence: ['Dr. Neuhaus SMARTY: four of 878 telegrams of one capture'],
  },
  crcKermit: {
    makers: [],
    what: 'Checksums are CRC-16/KERMIT, high byte first, in messages and in the frame.',
    cure: 'Tried after X.25; a telegram must use one kind throughout, a meter the same always.',
    evidence: [
      'volkszaehler/libsml sml/src/sml_message.c (Holley DTZ541)',
      'spacemanspiff2007/SmlLib src/smllib/crc/kermit.py',
    ],
  },
  bareTime: {
    makers: ['HLY'],
    what: 'A time is a bare Unsigned32 without the list of choice and content.',
    cure: 'Read as second index: it counts seconds, and no date is made of it.',
    evidence: ['volkszaehler/libsml PR#4, sml/src/sml_time.c (Holley DTZ541)'],
  },
  timeAsList: {
    makers: ['EMH'],
    what: 'A time holds a list of timestamp and two offsets; a value may be a time, too.',
    cure: 'SML_TimestampLocal and SML_ListType are read as SML 1.04 defines them.',
    evidence: ['spacemanspiff2007/SmlLib#26', 'volkszaehler/libsml sml_time.c (Froetec ZG22)'],
  },
  integerWidth: {
    makers: [],
    what: 'Integers take 3, 5, 6 or 7 bytes, which the standard does not name.',
    cure: 'All widths from 1 to 8, sign taken from the first byte.',
    evidence: ['EMH eHZ, Iskra MT175 (5 bytes)', 'DZG DVS74, EFR SGM (3 bytes)'],
  },
  fillOfFour: {
    makers: ['DZG'],
    what: 'Four fill bytes stand before the end where the messages already are a multiple of four.',
    cure: 'Up to four fill bytes are taken off.',
    evidence: ['spacemanspiff2007/SmlLib tests/test_frames.py (DVS74, end 1A 04)'],
  },
  signedImport: {
    makers: ['ESY'],
    what: 'Power under 1.7.0 is the net power: it is negative while the house gives to the grid.',
    cure: 'Net power 16.7.0 is derived from it alone, and the register is kept.',
    evidence: ['EasyMeter Q3D: a capture with -116.77 W at 1.7.0 and -128.41 W at 21.7.0'],
  },
  groupTooMany: {
    makers: ['KAM'],
    what: 'One code of a P1 telegram has a group too many: 1-0:4:24.7.0 for 1-0:24.7.0.',
    cure: 'The group is left out.',
    evidence: ['UtilitechAS/amsreader-firmware#712 (Kamstrup Omnia)'],
  },
  wrappedLength: {
    makers: ['SAG'],
    what: 'M-Bus bodies of 256 bytes and more, whose length field of one byte wraps to 0, 1, ….',
    cure: 'A length too small for the fields that every body has counts as 256 more.',
    evidence: ['UtilitechAS/amsreader-firmware#155, #248 (T210-D)'],
  },
  suiteInName: {
    makers: ['KFM'],
    what: 'The security control byte says suite 1 (0x21), the key is still one of AES-128.',
    cure: 'The key length follows the suite only for suite 2, which needs 32 bytes.',
    evidence: ['volkszaehler/vzlogger#494', 'UtilitechAS/amsreader-firmware#539 (MA309M)'],
  },
  impliedScale: {
    makers: ['KAM', 'KFM', 'LGZ', 'ISK'],
    what: 'Registers come without scaler and unit.',
    cure:
      'Unit from the OBIS code; scale of the maker (Kamstrup: tens of watt-hours; Kaifa: ' +
      'milliamperes), else hundredths of amperes, and volts such that the highest is a mains voltage.',
    evidence: ['UtilitechAS/amsreader-firmware', 'scs/smartmeter-datacollector'],
  },
  listWithoutCodes: {
    makers: ['KFM', 'ISK', 'LGZ'],
    what: 'Lists whose values have no OBIS codes, only places.',
    cure: 'Each list is an entry in dlms/lists.ts with the types of its elements and its evidence.',
    evidence: ['UtilitechAS/amsreader-firmware#501, #615, #869, #1072'],
  },
  bareDescriptors: {
    makers: ['SAG'],
    what: 'Values are named by class, code and attribute in bare bytes instead of A-XDR values.',
    cure: 'Read as a push list with its values, if every byte of the body fits.',
    evidence: ['esphome-libs/dlms_parser (XT211 and the specification of EG.D)'],
  },
  tagWithoutKey: {
    makers: [],
    what: 'Tags are computed without an authentication key in the additional data.',
    cure: 'Where no such key is given, the control byte alone and nothing are tried.',
    evidence: ['athombv/node-dsmr-parser (telegram without AAD)'],
  },
  longTl: {
    makers: [],
    what: 'Lengths need two TL bytes (public keys), counted within the length.',
    cure: 'Up to four TL bytes are joined.',
    evidence: ['EDL21 public key at 129-129:199.130.5*255'],
  },
} as const satisfies Record<string, Quirk>

/** Whether a maker is known for a quirk; a telegram that names no maker may have any. */
export function mayHave(quirk: Quirk, maker: string | undefined): boolean {
  return maker === undefined || quirk.makers.length === 0 || quirk.makers.includes(maker)
}
