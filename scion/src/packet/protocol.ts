/** Numbers of the next header field (SCION assigned protocol numbers). */
export const PROTOCOL = {
  tcp: 6,
  udp: 17,
  hopByHop: 200,
  endToEnd: 201,
  scmp: 202,
  bfd: 203,
} as const

/** Largest packet that SCION can express: HdrLen up to 1020 bytes and a 16-bit PayloadLen. */
export const PACKET_BYTES_MAX = 1020 + 65535
