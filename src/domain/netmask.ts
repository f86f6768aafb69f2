/**
 * Netmasks of initiator groups: `ANY`, `a.b.c.d[/1-32]`, `[ipv6][/1-128]`. Compiled once, matched per login.
 *
 * A text that could never match a peer is refused with the reason: SPDK takes it silently, and the host stays locked
 * out.
 */
import { Result } from "effect"
import { type AddressBytes, parseIpv4, parseIpv6, unmapIpv4 } from "./address.ts"
import { NETMASK_LENGTH_MAX } from "./group/InitiatorGroup.ts"

/** `Network` with the host bits cleared; its family is the number of its bytes. */
export type NetmaskMatcher =
  | { readonly _tag: "Any" }
  | { readonly _tag: "Network"; readonly bytes: AddressBytes; readonly prefixBits: number }

/** Why a netmask is refused. */
export interface NetmaskProblem {
  readonly reason: string
  readonly hint: string
}

const problem = (reason: string, hint: string) => Result.fail<NetmaskProblem>({ reason, hint })

const syntaxHint = "use ANY, an IPv4 network such as 10.1.0.0/16, or an IPv6 network such as [fd00::]/64"

const clearHostBits = (bytes: AddressBytes, prefixBits: number): AddressBytes =>
  bytes.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, prefixBits - index * 8))
    return byte & (0xff << (8 - kept)) & 0xff
  })

const splitPrefix = (text: string): { readonly address: string; readonly prefix: string | undefined } => {
  const slash = text.indexOf("/")
  return slash < 0
    ? { address: text, prefix: undefined }
    : { address: text.slice(0, slash), prefix: text.slice(slash + 1) }
}

/** Why no peer can have an address in this network, or undefined. */
const neverMatches = (network: AddressBytes, prefixBits: number): NetmaskProblem | undefined => {
  const first = network[0] ?? 0
  if (network.length === 16) {
    if (unmapIpv4(network).length === 4 && prefixBits >= 96) {
      return { reason: "is an IPv4 address in IPv6 form, which never matches", hint: "write the IPv4 address" }
    }
    return first === 0xff ? { reason: "is a multicast network, which no peer has", hint: syntaxHint } : undefined
  }
  if (first >= 240) {
    return {
      reason: "is not the address of a host, so it never matches",
      hint: "write a mask as a prefix: 10.1.0.0/16"
    }
  }
  if (first >= 224) return { reason: "is a multicast network, which no peer has", hint: syntaxHint }
  if (first === 0 && prefixBits >= 8) {
    return { reason: "is in 0.0.0.0/8, which no peer has", hint: "use ANY for every address" }
  }
  return undefined
}

/** Reads a netmask, or says why it could never match. `ALL` is the old spelling of `ANY`. */
export const compileNetmask = (text: string): Result.Result<NetmaskMatcher, NetmaskProblem> => {
  if (text.length > NETMASK_LENGTH_MAX) return problem(`is longer than ${NETMASK_LENGTH_MAX} characters`, syntaxHint)
  if (/^(?:any|all)$/iu.test(text)) return Result.succeed({ _tag: "Any" })
  const { address, prefix } = splitPrefix(text)
  const bracketed = address.startsWith("[") && address.endsWith("]")
  const bytes = bracketed ? parseIpv6(address.slice(1, -1)) : parseIpv4(address)
  if (bytes === undefined) {
    return parseIpv6(address) === undefined
      ? problem("is not a network", syntaxHint)
      : problem("is an IPv6 network without brackets", `write [${address}]`)
  }
  const bitsMax = bytes.length * 8
  const prefixBits = prefix === undefined ? bitsMax : /^[0-9]{1,3}$/u.test(prefix) ? Number(prefix) : Number.NaN
  if (!(prefixBits >= 1 && prefixBits <= bitsMax)) {
    return problem(`has a prefix outside of 1 to ${bitsMax}, so it never matches`, "use ANY for every address")
  }
  const network = clearHostBits(bytes, prefixBits)
  const never = neverMatches(network, prefixBits)
  if (never !== undefined) return Result.fail(never)
  return Result.succeed({ _tag: "Network", bytes: network, prefixBits })
}

/** Whether a peer's address is in the network. A network of one family has no address of the other. */
export const netmaskMatches = (matcher: NetmaskMatcher, address: AddressBytes): boolean => {
  if (matcher._tag === "Any") return true
  if (matcher.bytes.length !== address.length) return false
  return clearHostBits(address, matcher.prefixBits).every((byte, index) => byte === matcher.bytes[index])
}
