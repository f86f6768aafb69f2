/** Where spans go by flag and environment: what goes before what, and what is refused without showing it. */
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { otlpSettingsOf } from "../../src/cli/serve/otlp/OtlpSettings.ts"

const read = (environment: Record<string, string>, flag?: string) =>
  Result.getOrThrow(otlpSettingsOf(environment, flag))
const refusal = (environment: Record<string, string>, flag?: string): string => {
  const settings = otlpSettingsOf(environment, flag)
  return Result.isFailure(settings) ? settings.failure : assert.fail(JSON.stringify(settings.success))
}

const base = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/otel" }

describe("spans", () => {
  it("go nowhere unless somebody says where, or if they are turned off", () => {
    assert.isUndefined(read({}))
    assert.isUndefined(read({ OTEL_EXPORTER_OTLP_ENDPOINT: " ", OTEL_SERVICE_NAME: "disks" }))
    assert.isUndefined(read({ ...base, OTEL_SDK_DISABLED: "True" }, "http://flag:4318"))
    assert.isUndefined(read({ ...base, OTEL_TRACES_EXPORTER: "none" }))
  })

  it("go to the flag's collector, else to the one for traces, else to the one for all", () => {
    const traces = { ...base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces/as/it/is" }
    assert.strictEqual(read(traces, "http://flag:4318")?.url, "http://flag:4318/v1/traces")
    assert.strictEqual(read(traces)?.url, "https://traces/as/it/is")
    assert.strictEqual(read(base)?.url, "http://collector:4318/otel/v1/traces")
  })

  it("are sent as OpenTelemetry's variables say, those for traces first", () => {
    const settings = read({
      ...base,
      OTEL_EXPORTER_OTLP_HEADERS: "ignored=1",
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: "authorization=Bearer%20x, tenant = a%3Db",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
      OTEL_EXPORTER_OTLP_TIMEOUT: "250",
      OTEL_TRACES_SAMPLER: "traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.25",
      OTEL_RESOURCE_ATTRIBUTES: "service.name=mine"
    })
    assert.deepInclude(settings, {
      headers: { authorization: "Bearer x", tenant: "a=b" },
      protocol: "http/json",
      compression: "gzip",
      timeoutMillis: 250,
      sampling: { ratio: 0.25, followsParent: false },
      serviceName: undefined
    })
    assert.deepInclude(read(base), {
      headers: {},
      protocol: "http/protobuf",
      compression: "none",
      timeoutMillis: 10_000,
      everyMillis: 5000,
      batchMax: 512,
      sampling: { ratio: 1, followsParent: true },
      serviceName: "lunlog"
    })
  })

  it.each([
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "http:// or https:// URL"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hunter2@collector:4318", "without a password"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "hunter2", "NAME=VALUE"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a=%E0%A4hunter2", "%XX"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a=x%0D%0Ahunter2", "HTTP headers"],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf or http/json"],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "1e9", "from 1 to 60000"],
    ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0", "from 1 to 10000"],
    ["OTEL_TRACES_EXPORTER", "zipkin", "otlp or none"],
    ["OTEL_TRACES_SAMPLER", "jaeger_remote", "parentbased_always_on or"],
    ["OTEL_RESOURCE_ATTRIBUTES", "=1", "NAME=VALUE"]
  ])("are refused with %s=%s", (name, value, allowed) => {
    const text = refusal({ ...base, [name]: value })
    assert.match(text, new RegExp(`^${name} cannot be used: it has to be `))
    assert.include(text, allowed)
    assert.notInclude(text, "hunter2")
  })

  it("are refused with a flag that is no address, and with a share that is none", () => {
    assert.match(refusal({}, "4318"), /^--otlp-endpoint cannot be used/)
    const half = { ...base, OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "50%" }
    assert.match(refusal(half), /^OTEL_TRACES_SAMPLER_ARG cannot be used: it has to be a number from 0 to 1/)
  })
})
