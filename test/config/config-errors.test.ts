/** Configuration files with mistakes: the exact text of each message. */
import { assert, describe, it } from "vitest"
import { configLengthMax } from "../../src/config/native/YamlText.ts"
import { problemsOf } from "./support.ts"

const sizeHint = "write bytes (67108864) or a number with K, M, G, T (or KiB, MiB ...; KB, MB ... are decimal)"

type Case = readonly [what: string, source: string, ...problems: ReadonlyArray<string>]

const form: ReadonlyArray<Case> = [
  [
    "a key that is nearly right",
    "portal_groups: []",
    'f.yaml:1:1 unknown key "portal_groups", did you mean "portalGroups"?'
  ],
  [
    "a key of nothing",
    "colour: red",
    'f.yaml:1:1 unknown key "colour"; known are include, options, log, bdevs, authGroups, portalGroups, ' +
      "initiatorGroups, targets"
  ],
  [
    "a key of a section",
    "bdevs:\n  - { type: malloc, name: a, size: 1M, blocksize: 512 }",
    'f.yaml:2:40 bdevs[0]: unknown key "blocksize", did you mean "blockSize"?'
  ],
  ["a key that is missing", "bdevs:\n  - { type: malloc, name: a }", 'f.yaml:2:5 bdevs[0]: key "size" is missing'],
  [
    "a type that is nearly right",
    "bdevs:\n  - { type: maloc, name: a }",
    'f.yaml:2:13 bdevs[0].type: unknown type "maloc", did you mean "malloc"?'
  ],
  ["no type", "bdevs:\n  - { name: a }", /^f\.yaml:2:5 bdevs\[0\]: key "type" is missing; use malloc, null, /u.source],
  [
    "a size",
    "bdevs:\n  - { type: malloc, name: a, size: 64 Mibs }",
    `f.yaml:2:36 bdevs[0].size: "64 Mibs" is no size; ${sizeHint}`
  ],
  [
    "a duration",
    "options: { nopTimeout: 30x }",
    'f.yaml:1:24 options.nopTimeout: "30x" is no duration; write a number with us, ms, s, m, h or d, ' +
      "or a number of seconds"
  ],
  [
    "a text in place of a number",
    "portalGroups:\n  - { tag: one, portals: [] }",
    'f.yaml:2:12 portalGroups[0].tag: expected a number, found "one"'
  ],
  [
    "a number that is none",
    "bdevs: [{ type: 'null', name: N, size: 1M, qos: { readWriteIops: .inf } }]",
    "f.yaml:1:66 bdevs[0].qos.readWriteIops: expected a number, found Infinity"
  ],
  [
    "a number in place of a text",
    "targets:\n  - { name: 7, maps: [], luns: [] }",
    "f.yaml:2:13 targets[0].name: expected a text, found 7; put it into quotes"
  ],
  ["a map in place of a list", "portalGroups: {}", "f.yaml:1:15 portalGroups: expected a list, found a map"],
  ["a list in place of a map", "- a", "f.yaml:1:1 expected a map of keys and values, found a list"],
  ["a list of nothing", "[]", "f.yaml:1:1 expected a map of keys and values, found a list"],
  ["a second document", "bdevs: []\n---\nbdevs: []", "f.yaml:2:1 a second document begins here; a file is one"],
  ["a tab", "bdevs:\n\t- {}", "f.yaml:2:1 is indented by a tab; use spaces"],
  ["a key that is a list", "? [a]\n: b", "f.yaml:1:3 a key is a text, not a list"],
  ["a text in place of everything", "hello", 'f.yaml:1:1 expected a map of keys and values, found "hello"'],
  [
    "a secret, which is not shown",
    "authGroups: [{ name: a, secrets: [{ user: u, secret: 123456789012 }] }]",
    "f.yaml:1:54 authGroups[0].secrets[0].secret: expected a text; put it into quotes"
  ],
  [
    "a secret where a list of users belongs",
    "authGroups: [{ name: a, secrets: abcdefghijkl }]",
    "f.yaml:1:34 authGroups[0].secrets: expected a list"
  ],
  [
    "a secret without its user",
    "authGroups: [{ name: a, secrets: [abcdefghijkl] }]",
    "f.yaml:1:35 authGroups[0].secrets[0]: expected a map of keys and values"
  ],
  [
    "what an alias stands for",
    "bdevs:\n  - { type: malloc, name: &a [x], size: 1M }\n  - { type: malloc, name: *a, size: 1M }",
    "f.yaml:2:30 bdevs[0].name: expected a text, found a list",
    "f.yaml:3:27 bdevs[1].name: expected a text"
  ],
  ["no value", "portalGroups:", "f.yaml:1:14 portalGroups: expected a list, found nothing"],
  [
    "a word of a few",
    "bdevs:\n  - { type: malloc, name: M, size: 1M, histogram: { ioType: rd } }",
    /^f\.yaml:2:61 bdevs\[0\]\.histogram\.ioType: expected one of (\w+, )*read, .*, found "rd"/u.source
  ],
  [
    "a group without tag and name",
    "portalGroups:\n  - portals: []",
    "f.yaml:2:5 portalGroups[0]: has neither a tag nor a name; give one of them"
  ],
  ["a key that is given twice", "bdevs: []\nbdevs: []", 'f.yaml:2:1 key "bdevs" is given twice; first at f.yaml:1:1'],
  [
    "broken YAML",
    "bdevs: [\n",
    "f.yaml:2:1 Flow sequence in block collection must be sufficiently indented and end with a ]"
  ],
  [
    "several at once",
    "options: { maxSesions: 1 }\nbdevs:\n  - { type: malloc }\n  - { type: error, base: 1 }",
    'f.yaml:1:12 options: unknown key "maxSesions", did you mean "maxSessions"?',
    'f.yaml:3:5 bdevs[0]: key "name" is missing',
    'f.yaml:3:5 bdevs[0]: key "size" is missing',
    "f.yaml:4:26 bdevs[1].base: expected a text, found 1; put it into quotes"
  ]
]

const disks = "bdevs:\n  - { type: malloc, name: Malloc0, size: 1M }\n"
const target = (rest: string) => `targets:\n  - { name: t, ${rest} }\n`

const matter: ReadonlyArray<Case> = [
  [
    "an option of the log beyond its limits",
    "log:\n  keep: { count: 0 }",
    "f.yaml:2:18 log.keep.count: log option observationsMax is 0; use 1 to 1000000000"
  ],
  [
    "a bdev that is nearly right",
    `${disks}${target("maps: [], luns: [{ lun: 0, bdev: Maloc0 }]")}`,
    'f.yaml:4:49 targets[0].luns[0].bdev: bdev "Maloc0" is not declared; did you mean "Malloc0"?'
  ],
  [
    "a bdev that is nowhere",
    target("maps: [], luns: [{ lun: 0, bdev: Nope }]"),
    'f.yaml:2:49 targets[0].luns[0].bdev: bdev "Nope" is not declared; declare it in bdevs'
  ],
  [
    "groups that are not declared",
    "portalGroups: [{ name: front, portals: [] }]\n" +
      target("maps: [{ portalGroup: frnt, initiatorGroup: 3 }], luns: []"),
    'f.yaml:3:38 targets[0].maps[0].portalGroup: portal group "frnt" is not declared; did you mean "front"?',
    "f.yaml:3:60 targets[0].maps[0].initiatorGroup: initiator group 3 is not declared; declare it in initiatorGroups"
  ],
  [
    "half of mutual CHAP",
    "authGroups: [{ name: a, secrets: [{ user: u, secret: abcdefghijkl, mutualUser: t }] }]",
    'f.yaml:1:43 authGroups[0].secrets[0]: user "u" of auth group 1 has mutualUser without ' +
      "mutualSecret; give both for mutual CHAP, or none of them"
  ],
  [
    "an auth group that is not declared",
    `authGroups: [{ tag: 4, secrets: [] }]\n${target("maps: [], luns: [], auth: { chapGroup: hosts }")}`,
    'f.yaml:3:55 targets[0].auth.chapGroup: auth group "hosts" is not declared; declared are 4'
  ],
  [
    "a bdev twice",
    `${disks}  - { type: null, name: Malloc0, size: 1M }\n`,
    'f.yaml:3:25 bdevs[1]: bdev "Malloc0" is declared twice; first at f.yaml:2:5'
  ],
  [
    "a tag twice",
    "portalGroups:\n  - { tag: 1, portals: [] }\n  - { tag: 1, portals: [] }",
    "f.yaml:3:5 portalGroups[1]: portal group 1 is declared twice; first at f.yaml:2:5"
  ],
  [
    "a name twice",
    "portalGroups:\n  - { name: a, portals: [] }\n  - { name: a, portals: [] }",
    'f.yaml:3:13 portalGroups[1].name: portal group "a" is declared twice; first at f.yaml:2:13'
  ],
  [
    "a target twice, once in full",
    "targets:\n  - { name: t, maps: [], luns: [] }\n  - { name: 'iqn.2016-06.io.spdk:T', maps: [], luns: [] }",
    'f.yaml:3:13 targets[1]: target "iqn.2016-06.io.spdk:T" is declared twice; first at f.yaml:2:5'
  ],
  [
    "bdevs that are based on each other",
    "bdevs:\n  - { type: delay, name: A, base: B }\n  - { type: delay, name: B, base: A }",
    "f.yaml:2:35 bdevs[0].base: is based on itself: A on B on A"
  ],
  [
    "a host",
    'portalGroups:\n  - tag: 1\n    portals: ["127.0.0.1:1", "host.example:2"]',
    'f.yaml:3:30 portalGroups[0]: portal "host.example":2 has a host that is not an address; use an IPv4 address, ' +
      "an IPv6 address in brackets, * or [*]"
  ],
  [
    "a netmask",
    "initiatorGroups:\n  - { tag: 2, initiators: [ANY], netmasks: [ANY, 10.0.0.0/33] }",
    'f.yaml:2:50 initiatorGroups[0]: netmask "10.0.0.0/33" has a prefix outside of 1 to 32, so it never matches; ' +
      "use ANY for every address"
  ],
  [
    "broken blocks",
    "bdevs:\n  - { type: malloc, name: M0, size: 1000 }",
    "f.yaml:2:37 bdevs[0].size: 1000 bytes are no whole number of blocks of 512 bytes; round it"
  ],
  [
    "an option",
    "options: { maxSessions: 0 }",
    "f.yaml:1:25 options.maxSessions: option maxSessions is 0; use 1 to 65535"
  ],
  [
    "a name of a group",
    "portalGroups:\n  - { name: '12', portals: [] }",
    'f.yaml:2:13 portalGroups[0]: portal group 1 has the name "12"; use 1 to 64 letters, digits, dots, dashes and ' +
      "underscores, not digits alone"
  ],
  [
    "a secret that is none",
    "authGroups: [{ name: a, secrets: [{ user: u, secret: '' }] }]",
    'f.yaml:1:43 authGroups[0].secrets[0]: user "u" of auth group 1 has a secret that is none; use 1 to 255 bytes ' +
      "without control characters; 12 to 16 suit every initiator"
  ]
]

describe.each([
  ["form", form],
  ["matter", matter]
])("a mistake in the %s is told with its place and what to do:", (_, cases) => {
  it.each(cases)("%s", (_what, source, ...expected) => {
    const problems = problemsOf(source)
    if (expected[0]?.startsWith("^") === true) assert.match(problems.join("\n"), new RegExp(expected[0], "u"))
    else assert.deepStrictEqual(problems, expected)
  })
})

describe("a mistake", () => {
  it("is told once, not again for what depends on it", () => {
    const source = "bdevs:\n  - { type: malloc, name: M0, size: 1000 }\n  - { type: delay, name: D0, base: M0 }\n"
    assert.lengthOf(problemsOf(source), 1)
    const groups =
      "portalGroups: [{ tag: 70000, name: p, portals: [] }]\n" +
      "initiatorGroups: [{ tag: 1, initiators: [ANY], netmasks: [ANY] }]\n"
    assert.lengthOf(problemsOf(`${groups}${target("maps: [{ portalGroup: p, initiatorGroup: 1 }], luns: []")}`), 1)
  })

  it("is one of at most 50 that are told; others are counted", () => {
    const problems = problemsOf(`bdevs: [${"1,".repeat(60)}]`)
    assert.lengthOf(problems, 51)
    assert.strictEqual(problems[50], "f.yaml: and 10 more problems")
    const luns = Array.from({ length: 256 }, (_, lun) => `{ lun: ${lun}, bdev: D${lun} }`).join(", ")
    assert.strictEqual(problemsOf(target(`maps: [], luns: [${luns}]`))[50], "f.yaml: and 206 more problems")
  })
})

describe("a hostile text", () => {
  it("is bounded in its length, its aliases and its depth", () => {
    assert.deepStrictEqual(problemsOf("#".repeat(configLengthMax + 1)), [
      `f.yaml: is longer than ${configLengthMax} characters; split it with include`
    ])
    const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]", ..."bcdefghij"]
      .map((line, index) => (index === 0 ? line : `${line}: &${line} [${`*${"abcdefghij"[index - 1]},`.repeat(9)}]`))
      .join("\n")
    assert.match(problemsOf(bomb)[0] ?? "", /alias/i)
    assert.match(problemsOf("[".repeat(100_000)).join(), /^f\.yaml:1:\d+ maps and lists are nested too deeply$/)
    assert.deepStrictEqual(problemsOf("a: &a [*a]"), ["f.yaml: maps and lists are nested too deeply"])
  })

  it("never ends in an exception", () => {
    const pieces = [
      "bdevs",
      ": ",
      "\n",
      "- ",
      "[",
      "]",
      "{",
      "}",
      `\${`,
      "env:",
      "&a ",
      "*a",
      "'",
      '"',
      "null",
      "1e400",
      "\u0000",
      "!!map ",
      "<<: "
    ]
    let seed = 7
    for (let round = 0; round < 400; round++) {
      let source = ""
      for (let length = 0; length < 12; length++) {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
        source += pieces[(seed >>> 16) % pieces.length]
      }
      for (const problem of problemsOf(source)) assert.match(problem, /^f\.yaml/u, JSON.stringify(source))
    }
  })
})
