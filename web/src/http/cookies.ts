/** Characters of a Cookie header that are looked at. */
export const COOKIE_HEADER_CHARS_MAX = 4096

/**
 * The name under which a session's cookie is kept. With TLS it carries the `__Host-` prefix (RFC 6265bis
 * §4.1.3), so that no other host of the domain can plant one.
 */
export function cookieName(name: string, secure: boolean): string {
  return secure ? `__Host-${name}` : name
}

/** The value of one cookie of a request (RFC 6265 §5.4); the first where there are several. */
export function cookieOf(request: Request, name: string): string | undefined {
  const header = request.headers.get('cookie') ?? ''
  if (header.length > COOKIE_HEADER_CHARS_MAX) return undefined
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}

/** What a session's cookie is set with. */
export interface SessionCookie {
  readonly name: string
  /** Empty takes the cookie away. */
  readonly value: string
  readonly maxAgeS: number
  /** Only over TLS. */
  readonly secure: boolean
}

/**
 * The Set-Cookie header of a session: no script reads it, no foreign page sends it (RFC 6265bis §4.1.2:
 * HttpOnly, SameSite=Strict).
 */
export function sessionCookie({ name, value, maxAgeS, secure }: SessionCookie): string {
  const age = value === '' ? 0 : Math.floor(maxAgeS)
  const tls = secure ? '; Secure' : ''
  return `${cookieName(name, secure)}=${value}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Strict${tls}`
}
