/**
 * The method table: what SPDK's methods are called, when they may be called, what they take and give, and how they
 * fail (`fixtures/spdk-methods.json`), asked of a server. A difference is either listed here with its reason, or a
 * failure. Methods of the table that lunlog has not yet are counted, and checked as soon as they are here.
 *
 * The rows stand in an order in which their calls work: what is made above is used below.
 */
import * as fs from "node:fs"
import { assert, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { allMethods } from "../../src/rpc/methods/all-methods.ts"
import { runtimeOnly, startupOnly } from "../../src/rpc/RpcError.ts"
import { type RawClient, rawClient } from "./support.ts"
import { startTarget } from "./target-support.ts"

const Failure = Schema.Struct({ code: Schema.optionalKey(Schema.Int), message: Schema.optionalKey(Schema.String) })
const Param = Schema.Struct({
  name: Schema.String,
  type: Schema.Literals(["string", "int", "u8", "u32", "u64", "bool", "enum", "uuid", "array", "object", "any"]),
  required: Schema.optionalKey(Schema.Literal(true)),
  default: Schema.optionalKey(Schema.Unknown)
})
const Params = Schema.Record(Schema.String, Schema.Unknown)
const Row = Schema.Struct({
  method: Schema.String,
  states: Schema.Array(Schema.Literals(["STARTUP", "RUNTIME"])),
  aliases: Schema.Array(Schema.String),
  /** Of methods without parameters: what they say to `{}`; null if they do not look. */
  noParams: Schema.optionalKey(Schema.NullOr(Schema.String)),
  params: Schema.optionalKey(Schema.Array(Param)),
  undecodable: Schema.optionalKey(Failure),
  /** Absent params are all defaults. */
  paramsOptional: Schema.optionalKey(Schema.Boolean),
  /** A call that succeeds; true without params. */
  call: Schema.optionalKey(Schema.Union([Schema.Literal(true), Params])),
  /** Of which only the form counts: keys in their order, and types; but `true` is `true`. */
  result: Schema.optionalKey(Schema.Unknown),
  /** Keys of the result that may be missing; `*` for any that may be there. */
  optionalKeys: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Where the defaults show after the call. */
  shown: Schema.optionalKey(
    Schema.Struct({
      method: Schema.String,
      params: Schema.optionalKey(Params),
      of: Schema.optionalKey(Schema.String)
    })
  ),
  errors: Schema.optionalKey(Schema.Array(Schema.Struct({ params: Params, ...Failure.fields })))
})
type Row = typeof Row.Type
type Param = typeof Param.Type
type Failure = typeof Failure.Type

const table = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Array(Row)), { onExcessProperty: "error" })(
  fs.readFileSync(new URL("./fixtures/spdk-methods.json", import.meta.url), "utf8")
)

const moreKeys = "Parameters that are not known are taken with these methods (SPDK refuses them)"
/** Where lunlog differs on purpose, and why: in the words of docs/spdk-compatibility.md. */
const differences: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ...["sock_set_default_impl", "sock_impl_set_options", "iobuf_set_options", "framework_set_scheduler"],
    ...["accel_set_options", "accel_assign_opc", "accel_set_driver", "scheduler_set_options"],
    ...["keyring_linux_set_options", "keyring_file_add_key", "bdev_set_options", "bdev_raid_set_options"],
    ...["bdev_iscsi_set_options", "bdev_nvme_set_options"]
  ].map((method) => [`${method}: unknown key`, moreKeys])
)

/** None of them is of the type. */
const wrongValues: Readonly<Record<Param["type"], ReadonlyArray<unknown>>> = {
  string: [7, null, [], true],
  int: ["1", 1.5, 2 ** 31, -(2 ** 31) - 1, null, true],
  u8: ["1", 1.5, -1, 256, null],
  u32: ["1", 1.5, -1, 2 ** 32, null],
  u64: ["1", 0.5, -1, 2 ** 65, null],
  bool: ["true", 1, null],
  enum: [7, "no-such-value", null],
  uuid: [7, "not-a-uuid", null],
  array: [7, "x", {}, null],
  object: [7, "x", [], null],
  any: []
}

const rightValues: Readonly<Record<Param["type"], unknown>> = {
  string: "x",
  int: 1,
  u8: 1,
  u32: 1,
  u64: 1,
  bool: true,
  enum: "x",
  uuid: "6d3a41a2-6c0e-4a1c-9a53-0b9e0f8f3c11",
  array: [],
  object: {},
  any: 1
}

class Findings {
  readonly differing = new Map<string, string>()
  parameters = 0
  resultKeys = 0
  defaults = 0
  errorCases = 0

  note(row: Row, what: string, detail: string): void {
    this.differing.set(`${row.method}: ${what}`, detail)
  }
}

type Answer = { readonly result: unknown } | { readonly code: number; readonly message: string }
/** A method with its params; undefined are absent. */
type Call = readonly [method: string, params?: unknown]

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const answerOf = (response: unknown): Answer => {
  assert(isObject(response))
  const { error, result } = response
  return isObject(error) ? { code: Number(error["code"]), message: String(error["message"]) } : { result }
}

/** Makes all calls in one batch; gives the answers in the order of the calls. */
const askAll = (client: RawClient, calls: ReadonlyArray<Call>): Effect.Effect<ReadonlyArray<Answer>> =>
  Effect.promise(async () => {
    if (calls.length === 0) return []
    const before = client.answerCount
    client.socket.write(JSON.stringify(calls.map(([method, params], id) => ({ id, method, params }))))
    await client.until(() => client.closed || client.answerCount > before)
    const responses: unknown = JSON.parse(client.answers.at(-1) ?? "[]")
    assert(Array.isArray(responses), JSON.stringify(responses))
    return calls.map((_, id) => answerOf(responses.find((response) => response.id === id)))
  })

const ask = (client: RawClient, method: string, params?: unknown): Effect.Effect<Answer> =>
  Effect.map(askAll(client, [[method, params]]), ([answer]) => answer ?? { result: undefined })

const isFailure = (answer: Answer, { code, message }: Failure): boolean =>
  "code" in answer &&
  (code === undefined || answer.code === code) &&
  (message === undefined || answer.message === message)

interface Context {
  readonly client: RawClient
  readonly found: Findings
  readonly row: Row
}

/** A call that must fail, and how. */
interface WrongCall {
  readonly what: string
  readonly params: unknown
  readonly failure: Failure
}

/** Notes the answers that are not the failure. */
const expectFailures = ({ client, found, row }: Context, calls: ReadonlyArray<WrongCall>): Effect.Effect<void> =>
  Effect.map(
    askAll(
      client,
      calls.map(({ params }): Call => [row.method, params])
    ),
    (answers) => {
      for (const [index, answer] of answers.entries()) {
        const { failure, what = "" } = calls[index] ?? {}
        if (failure === undefined || isFailure(answer, failure)) continue
        found.note(row, what, `${JSON.stringify(answer)}, and not ${JSON.stringify(failure)}`)
      }
    }
  )

/** Parameters that decode. */
const baseOf = ({ call, params = [] }: Row): Readonly<Record<string, unknown>> =>
  typeof call === "object"
    ? call
    : Object.fromEntries(params.flatMap(({ name, required, type }) => (required ? [[name, rightValues[type]]] : [])))

const without = (params: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(params).filter(([key]) => key !== name))

const checkParams = (context: Context): Effect.Effect<void> => {
  const { found, row } = context
  const { noParams, params = [], undecodable = {} } = row
  if (noParams === null) return Effect.void
  if (noParams !== undefined) {
    return expectFailures(context, [{ what: "params", params: {}, failure: { code: -32602, message: noParams } }])
  }
  found.parameters += params.length
  const base = baseOf(row)
  const needed = params.filter(({ required }) => required)
  const calls: ReadonlyArray<readonly [what: string, params: unknown]> = [
    ...(needed.length > 0 ? ([["no params", undefined]] as const) : []),
    ["unknown key", { ...base, noSuchKey: 1 }],
    ["array", [base]],
    ...needed.map(({ name }) => [`without ${name}`, without(base, name)] as const),
    ...params.flatMap(({ name, type }) =>
      wrongValues[type].map((wrong) => [`wrong ${name}`, { ...base, [name]: wrong }] as const)
    )
  ]
  return expectFailures(
    context,
    calls.map(([what, given]) => ({ what, params: given, failure: undecodable }))
  )
}

const kindOf = (value: unknown): string => (Array.isArray(value) ? "array" : typeof value)

/** Notes where a value has not the form of the sample. */
const checkForm = (found: Findings, row: Row, path: string, sample: unknown, value: unknown): void => {
  if (Array.isArray(sample)) {
    if (!Array.isArray(value)) found.note(row, `result${path}`, "is no array")
    else if (sample.length > 0 && value.length > 0) checkForm(found, row, `${path}[]`, sample[0], value[0])
    return
  }
  if (!isObject(sample) || !isObject(value)) {
    if (kindOf(sample) !== kindOf(value)) found.note(row, `result${path}`, `is ${JSON.stringify(value)}`)
    return
  }
  const optional = row.optionalKeys ?? []
  const keys = Object.keys(value)
  const present = keys.filter((key) => !optional.includes("*") || Object.hasOwn(sample, key))
  const expected = Object.keys(sample).filter((key) => Object.hasOwn(value, key) || !optional.includes(key))
  const compared = present.filter((key) => expected.includes(key) || !optional.includes(key))
  if (compared.join() !== expected.join()) found.note(row, `result${path}`, `has the keys ${present.join()}`)
  for (const key of expected) {
    found.resultKeys++
    if (Object.hasOwn(value, key)) checkForm(found, row, `${path}.${key}`, sample[key], value[key])
  }
}

const checkResult = ({ client, found, row }: Context): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (row.call === undefined) return
    const answer = yield* ask(client, row.method, row.call === true ? undefined : row.call)
    if ("code" in answer) return found.note(row, "call", JSON.stringify(answer))
    if (row.result === true && answer.result !== true) return found.note(row, "result", JSON.stringify(answer.result))
    checkForm(found, row, "", row.result, answer.result)
  })

/** The object that a `get` shows: the whole, the last of a list, or the parameters of a saved call. */
const shownObject = (result: unknown, of: string | undefined): Readonly<Record<string, unknown>> => {
  const list = Array.isArray(result) ? result : [result]
  const found = of === undefined ? list.at(-1) : list.find((one) => isObject(one) && one["method"] === of)?.params
  return isObject(found) ? found : {}
}

const checkDefaults = ({ client, found, row }: Context): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { call, params = [], shown } = row
    if (shown === undefined || !isObject(call)) return
    const answer = yield* ask(client, shown.method, shown.params)
    const object = "result" in answer ? shownObject(answer.result, shown.of) : {}
    for (const param of params) {
      if (param.default === undefined || Object.hasOwn(call, param.name) || !Object.hasOwn(object, param.name)) continue
      found.defaults++
      const value = object[param.name]
      if (value !== param.default) found.note(row, `default ${param.name}`, JSON.stringify(value))
    }
  })

const checkErrors = (context: Context): Effect.Effect<void> => {
  const errors = context.row.errors ?? []
  context.found.errorCases += errors.length
  return expectFailures(
    context,
    errors.map(({ params, ...failure }, index) => ({ what: `error ${index + 1}`, params, failure }))
  )
}

const listed = (client: RawClient, params: object) =>
  Effect.map(ask(client, "rpc_get_methods", params), (answer) => {
    assert("result" in answer && Array.isArray(answer.result))
    return new Set<unknown>(answer.result)
  })

const here = new Set(allMethods.map(({ name }) => name))
const rows = table.filter(({ method }) => here.has(method))

/** Names, old names and states; in each state every method that belongs to the other one says so. */
const checkStates = (client: RawClient, found: Findings, now: "STARTUP" | "RUNTIME") =>
  Effect.gen(function* () {
    const current = yield* listed(client, { current: true })
    const aliases = yield* listed(client, { include_aliases: true })
    for (const row of rows) {
      const belongs = row.states.includes(now)
      if (current.has(row.method) !== belongs) found.note(row, `listed in ${now}`, String(!belongs))
      for (const alias of row.aliases) if (!aliases.has(alias)) found.note(row, `alias ${alias}`, "is not there")
      if (belongs) continue
      const failure = now === "STARTUP" ? runtimeOnly : startupOnly
      const calls = [row.method, ...row.aliases].map((name): Call => [name])
      for (const answer of yield* askAll(client, calls)) {
        if (!isFailure(answer, failure)) found.note(row, `called in ${now}`, JSON.stringify(answer))
      }
    }
  })

it.live("every method is as in SPDK's table, save for the listed differences", () =>
  Effect.gen(function* () {
    const { socketPath } = yield* startTarget()
    const client = yield* rawClient(socketPath)
    const found = new Findings()
    yield* checkStates(client, found, "STARTUP")
    for (const row of rows) {
      const context = { client, found, row }
      yield* checkParams(context)
      yield* checkResult(context)
      if (row.method === "framework_start_init") yield* checkStates(client, found, "RUNTIME")
      // Those of STARTUP show their defaults later.
      if (!row.states.includes("STARTUP")) yield* checkDefaults(context)
      yield* checkErrors(context)
      if (row.method !== "framework_start_init") continue
      for (const early of rows.filter(({ states }) => states.includes("STARTUP"))) {
        yield* checkDefaults({ client, found, row: early })
      }
    }
    const unexpected = [...found.differing].filter(([what]) => differences[what] === undefined)
    assert.deepStrictEqual(unexpected, [])
    assert.deepStrictEqual([...found.differing.keys()].sort(), Object.keys(differences).sort())
    const { defaults, errorCases, parameters, resultKeys } = found
    process.stdout.write(
      `${rows.length} methods, ${parameters} parameters, ${defaults} defaults, ${resultKeys} result keys, ` +
        `${errorCases} error cases: all as in the table, but for ${found.differing.size} listed differences; ` +
        `${table.length - rows.length} methods are not here\n`
    )
    assert.isAbove(rows.length, 110)
  })
)

const plainText = (text: string): string => text.replace(/\s+/gu, " ").toLowerCase()

it("has every reason for a difference in docs/spdk-compatibility.md", () => {
  const document = plainText(fs.readFileSync(new URL("../../docs/spdk-compatibility.md", import.meta.url), "utf8"))
  const reasons = [...new Set(Object.values(differences))]
  assert.deepStrictEqual(
    reasons.filter((reason) => !document.includes(plainText(reason))),
    []
  )
})
