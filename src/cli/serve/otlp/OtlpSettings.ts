/**
 * Where spans go, and which: a flag, and OpenTelemetry's own environment variables, as far as they concern spans. A
 * value that cannot be used is told, and never shown where it may hold a secret.
 */
import { Result } from "effect"

/** Which traces are kept. Of one that the caller has begun, the caller's word holds if `followsParent`. */
export interface TraceSampling {
  readonly ratio: number
  readonly followsParent: boolean
}

/** What spans are sent with. Times in milliseconds. */
export interface OtlpSettings {
  /** Of the traces; has the path that spans are posted to. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly protocol: "http/protobuf" | "http/json"
  readonly compression: "gzip" | "none"
  /** `service.name`, unless OTEL_RESOURCE_ATTRIBUTES has it. */
  readonly serviceName: string | undefined
  /** For one request. */
  readonly timeoutMillis: number
  readonly everyMillis: number
  /** Spans of one request. */
  readonly batchMax: number
  readonly sampling: TraceSampling
}

type Environment = Readonly<Record<string, string | undefined>>

/** What is wrong with a variable, and what is allowed. */
class Unusable extends Error {}

const fail = (name: string, allowed: string): never => {
  throw new Unusable(`${name} cannot be used: it has to be ${allowed}`)
}

/** An empty variable is one that is not set, as OpenTelemetry has it. */
const variable = (environment: Environment, ...names: ReadonlyArray<string>): readonly [string, string] | undefined => {
  for (const name of names) {
    const value = environment[name]?.trim()
    if (value !== undefined && value !== "") return [name, value]
  }
  return undefined
}

/** The variable for traces, or the one for all signals. */
const exporterValue = (environment: Environment, part: string) =>
  variable(environment, `OTEL_EXPORTER_OTLP_TRACES_${part}`, `OTEL_EXPORTER_OTLP_${part}`)

const oneOf = <A extends string>(
  found: readonly [string, string] | undefined,
  allowed: readonly [A, ...Array<A>]
): A => {
  if (found === undefined) return allowed[0]
  const [name, value] = found
  return allowed.find((one) => one === value.toLowerCase()) ?? fail(name, allowed.join(" or "))
}

const intOf = (
  found: readonly [string, string] | undefined,
  otherwise: number,
  [min, max]: [number, number]
): number => {
  if (found === undefined) return otherwise
  const number = Number(found[1])
  return Number.isInteger(number) && number >= min && number <= max
    ? number
    : fail(found[0], `a whole number from ${min} to ${max}`)
}

const urlOf = (name: string, text: string): URL => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !["http:", "https:"].includes(url.protocol) || url.username !== "" || url.password !== "") {
    return fail(name, "an http:// or https:// URL without a password, such as http://127.0.0.1:4318")
  }
  return url
}

/** The address of a collector gets the path of its traces; one of traces alone is taken as it is. */
const tracesUrl = (environment: Environment, flag: string | undefined): string | undefined => {
  const own = variable(environment, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
  if (flag === undefined && own !== undefined) return urlOf(...own).href
  const base = flag === undefined ? variable(environment, "OTEL_EXPORTER_OTLP_ENDPOINT") : ["--otlp-endpoint", flag]
  if (base === undefined) return undefined
  const [name = "", text = ""] = base
  const url = urlOf(name, text)
  url.pathname += `${url.pathname.endsWith("/") ? "" : "/"}v1/traces`
  return url.href
}

const decoded = (name: string, text: string): string => {
  try {
    return decodeURIComponent(text.trim())
  } catch {
    return fail(name, "a list of NAME=VALUE, separated by commas, with %XX for other characters")
  }
}

/** `NAME=VALUE,NAME=VALUE`, percent-encoded. */
const pairsOf = (found: readonly [string, string] | undefined): Readonly<Record<string, string>> => {
  if (found === undefined) return {}
  const [name, text] = found
  const pairs = text.split(",").filter((pair) => pair.trim() !== "")
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=")
      if (at < 1) fail(name, "a list of NAME=VALUE, separated by commas")
      return [decoded(name, pair.slice(0, at)), decoded(name, pair.slice(at + 1))]
    })
  )
}

const headersOf = (environment: Environment): Readonly<Record<string, string>> => {
  const found = exporterValue(environment, "HEADERS")
  const headers = pairsOf(found)
  for (const [name, value] of Object.entries(headers)) {
    const isHeader = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/u.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/u.test(value)
    if (!isHeader) fail(found?.[0] ?? "", "a list of HTTP headers, NAME=VALUE, separated by commas")
  }
  return headers
}

const samplers = [
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
  "always_on",
  "always_off",
  "traceidratio"
] as const

const samplingOf = (environment: Environment): TraceSampling => {
  const sampler = oneOf(variable(environment, "OTEL_TRACES_SAMPLER"), samplers)
  const followsParent = sampler.startsWith("parentbased_")
  if (!sampler.endsWith("traceidratio")) return { ratio: sampler.endsWith("_on") ? 1 : 0, followsParent }
  const [name, value] = variable(environment, "OTEL_TRACES_SAMPLER_ARG") ?? ["OTEL_TRACES_SAMPLER_ARG", "1"]
  const ratio = Number(value)
  return ratio >= 0 && ratio <= 1 ? { ratio, followsParent } : fail(name, "a number from 0 to 1")
}

const read = (environment: Environment, flag: string | undefined): OtlpSettings | undefined => {
  const isDisabled = variable(environment, "OTEL_SDK_DISABLED")?.[1].toLowerCase() === "true"
  if (isDisabled || oneOf(variable(environment, "OTEL_TRACES_EXPORTER"), ["otlp", "none"]) === "none") return undefined
  const url = tracesUrl(environment, flag)
  if (url === undefined) return undefined
  const attributes = pairsOf(variable(environment, "OTEL_RESOURCE_ATTRIBUTES"))
  const named = variable(environment, "OTEL_SERVICE_NAME")?.[1]
  return {
    url,
    headers: headersOf(environment),
    protocol: oneOf(exporterValue(environment, "PROTOCOL"), ["http/protobuf", "http/json"]),
    compression: oneOf(exporterValue(environment, "COMPRESSION"), ["none", "gzip"]),
    serviceName: named ?? ("service.name" in attributes ? undefined : "lunlog"),
    timeoutMillis: intOf(exporterValue(environment, "TIMEOUT"), 10_000, [1, 60_000]),
    everyMillis: intOf(variable(environment, "OTEL_BSP_SCHEDULE_DELAY"), 5_000, [10, 3_600_000]),
    batchMax: intOf(variable(environment, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"), 512, [1, 10_000]),
    sampling: samplingOf(environment)
  }
}

/** What the flag and the environment say; undefined if no spans are to be made. The failure is for people. */
export const otlpSettingsOf = (
  environment: Environment,
  flag: string | undefined
): Result.Result<OtlpSettings | undefined, string> =>
  Result.try({
    try: () => read(environment, flag),
    catch: (error) => (error instanceof Error ? error.message : String(error))
  })
