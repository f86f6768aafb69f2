/** The examples of `deploy/`: they parse, they serve one configuration, and the command of each one starts a target. */
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Schema } from "effect"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { parse, parseAllDocuments } from "yaml"
import { serveProgram } from "./cli/support.ts"
import { findTool } from "./support/requires-tool.ts"
import { freePort, makeDirectory, projectDirectory, removeDirectory } from "./support/target-process.ts"

const read = (name: string): string => readFileSync(join(projectDirectory, "deploy", name), "utf8")

const firstMatch = (text: string, pattern: RegExp): string => {
  const found = pattern.exec(text)?.[1]
  assert(found !== undefined, `nothing matches ${pattern}`)
  return found
}

const texts = Schema.decodeUnknownSync(Schema.Array(Schema.String))

const ConfigMap = Schema.Struct({ data: Schema.Struct({ "lunlog.yaml": Schema.String }) })
const probe = Schema.Struct({ httpGet: Schema.Struct({ path: Schema.String, port: Schema.Literal("metrics") }) })
const container = Schema.Struct({
  args: Schema.Array(Schema.String),
  startupProbe: probe,
  readinessProbe: probe,
  livenessProbe: probe
})
const Compose = Schema.Struct({
  services: Schema.Struct({
    lunlog: Schema.Struct({
      command: Schema.Array(Schema.String),
      healthcheck: Schema.Struct({ test: Schema.Array(Schema.String) })
    })
  })
})
const StatefulSet = Schema.Struct({
  spec: Schema.Struct({
    template: Schema.Struct({ spec: Schema.Struct({ containers: Schema.Array(container) }) })
  })
})

const kubernetes = (): ReadonlyArray<unknown> =>
  parseAllDocuments(read("kubernetes.yaml")).map((document) => {
    assert.deepStrictEqual(document.errors, [])
    return document.toJS()
  })

const kindOf = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "kind" in value ? value.kind : undefined

const objectOf = (kind: string): unknown => kubernetes().find((object) => kindOf(object) === kind)

const pod = (): typeof container.Type => {
  const { spec } = Schema.decodeUnknownSync(StatefulSet)(objectOf("StatefulSet"))
  const [first] = spec.template.spec.containers
  assert(first !== undefined)
  return first
}

const compose = () => Schema.decodeUnknownSync(Compose)(parse(read("compose.yaml"))).services.lunlog

const commands: Readonly<Record<string, () => ReadonlyArray<string>>> = {
  "lunlog.service": () => firstMatch(read("lunlog.service"), /^ExecStart=\/usr\/bin\/lunlog (.+)$/mu).split(" "),
  Dockerfile: () => texts(JSON.parse(firstMatch(read("Dockerfile"), /^CMD (\[.+\])$/mu))),
  "kubernetes.yaml": () => pod().args,
  "compose.yaml": () => compose().command
}

/** Paths that the machine outside looks at. */
const probes: Readonly<Record<string, () => ReadonlyArray<string>>> = {
  "kubernetes.yaml": () => {
    const { livenessProbe, readinessProbe, startupProbe } = pod()
    return [startupProbe, readinessProbe, livenessProbe].map(({ httpGet }) => httpGet.path)
  },
  "compose.yaml": () => [firstMatch(compose().healthcheck.test.join(" "), /http:\/\/127\.0\.0\.1:9260(\/\w+)/u)]
}

let directory: string

beforeEach(() => {
  directory = makeDirectory("deploy")
})

afterEach(() => removeDirectory(directory))

describe("the examples of deploy/", () => {
  it("serve one configuration", () => {
    const { data } = Schema.decodeUnknownSync(ConfigMap)(objectOf("ConfigMap"))
    assert.deepStrictEqual(parse(data["lunlog.yaml"]), parse(read("lunlog.yaml")))
    assert.include(read("compose.yaml"), "./lunlog.yaml:/etc/lunlog/lunlog.yaml:ro")
    assert.doesNotThrow(() => parse(read("compose.yaml")))
  })

  for (const [name, argumentsOf] of Object.entries(commands)) {
    it(`start a target with the command of ${name}`, async () => {
      const config = join(directory, "lunlog.yaml")
      writeFileSync(config, read("lunlog.yaml").replace("0.0.0.0:3260", `127.0.0.1:${await freePort()}`))
      const socketPath = join(directory, "rpc.sock")
      const places = [
        ["/var/lib/lunlog", join(directory, "state")],
        ["/run/lunlog/rpc.sock", socketPath],
        ["/etc/lunlog/lunlog.yaml", config],
        ["0.0.0.0:9260", "127.0.0.1:0"],
        ["9260", "0"]
      ] as const
      const placed = (argument: string): string => {
        const place = places.find(([path]) => argument === path || argument.endsWith(`=${path}`))
        return place === undefined ? argument : argument.replace(place[0], place[1])
      }
      const given = argumentsOf().map(placed)
      const args = given.includes("--rpc-socket") ? given : [...given, "--rpc-socket", socketPath]
      await using served = await serveProgram("lunlog", args, socketPath)
      assert.isTrue(await served.rpc.call("framework_wait_init"), served.child.stderr())
      for (const path of probes[name]?.() ?? []) {
        const url = firstMatch(served.child.stderr(), /metrics and health on (http:[^\s"]+)/u)
        assert.strictEqual((await fetch(url + path)).status, 200, path)
      }
    })
  }
})

// Checked where systemd is; a machine for tests need not have it.
describe.skipIf(findTool("systemd-analyze") === undefined)("the systemd unit", () => {
  it("is understood by systemd", () => {
    const unit = join(directory, "lunlog.service")
    writeFileSync(unit, read("lunlog.service").replace("ExecStart=/usr/bin/lunlog", `ExecStart=${process.execPath}`))
    const told = execFileSync("systemd-analyze", ["verify", unit], { encoding: "utf8", stdio: "pipe" })
    assert.strictEqual(told, "")
  })

  it("is exposed to 2.0 of 10 at most, as systemd counts", () => {
    const unit = join(projectDirectory, "deploy", "lunlog.service")
    const args = ["security", "--offline=true", "--threshold=20", "--no-pager", unit]
    assert.match(execFileSync("systemd-analyze", args, { encoding: "utf8", stdio: "pipe" }), /Overall exposure level/)
  })
})
